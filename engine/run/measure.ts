import { readFileSync } from 'node:fs';
import { getHeapStatistics } from 'node:v8';
import type { Measured } from './job.ts';

/** Measures one job while it goes on, in the thread that does it. */
export interface Meter {
  /** Times a phase; the time of several calls is added up. */
  time<T>(phase: 'verify' | 'run' | 'store', work: () => Promise<T>): Promise<T>;
  /** How far the work has come, as the stage tells it. */
  progress(done: number, unit: string): void;
  end(readBytes: number): Omit<Measured, 'recheckMs'>;
  /** Ends the watching of memory, also after a failure. Idempotent. */
  stop(): void;
}

const MEMORY_EVERY_MS = 20;

/** @param started `performance.now()` when the thread took the job up, before the stage's code was loaded */
export function createMeter(started = performance.now()): Meter {
  const cpuBefore = threadCpuMs();
  const memory = watchMemory();
  const phases = { verify: 0, run: 0, store: 0 };
  let units: { done: number; unit: string } | undefined;
  return {
    async time(phase, work) {
      const begin = performance.now();
      try {
        return await work();
      } finally {
        phases[phase] += performance.now() - begin;
        memory.look();
      }
    },
    progress(done, unit) {
      units = { done, unit };
      memory.lookSometimes();
    },
    end(readBytes) {
      const cpuAfter = threadCpuMs();
      const total = performance.now() - started;
      return {
        loadMs: Math.round(Math.max(0, total - phases.verify - phases.run - phases.store)),
        verifyMs: Math.round(phases.verify),
        runMs: Math.round(phases.run),
        storeMs: Math.round(phases.store),
        ...(cpuBefore !== undefined && cpuAfter !== undefined && { cpuMs: Math.round(cpuAfter - cpuBefore) }),
        readBytes,
        ...(units && { ...units, perSecond: round3((units.done / Math.max(phases.run, 1)) * 1000) }),
        ...memory.end(),
      };
    },
    stop: memory.stop,
  };
}

const round3 = (value: number): number => Number(value.toPrecision(3));

/**
 * Highest memory seen: between phases, by a timer, and at the stage's progress (a stage that blocks its thread keeps the
 * timer from firing). Where the kernel's high-water mark of the process rose meanwhile, that is the exact peak.
 */
function watchMemory() {
  const highBefore = highWater();
  let heap = 0;
  let rss = 0;
  let last = 0;
  const look = () => {
    last = performance.now();
    const { used_heap_size, external_memory } = getHeapStatistics();
    heap = Math.max(heap, used_heap_size + external_memory);
    rss = Math.max(rss, process.memoryUsage.rss());
  };
  const lookSometimes = () => {
    if (performance.now() - last > MEMORY_EVERY_MS) look();
  };
  look();
  const timer = setInterval(look, 10 * MEMORY_EVERY_MS);
  timer.unref();
  return {
    look,
    lookSometimes,
    stop: () => clearInterval(timer),
    end: () => {
      look();
      const high = highWater();
      return { peakHeap: heap, peakRss: high > highBefore ? high : rss };
    },
  };
}

/** Most resident memory that the process ever had, bytes. */
export const highWater = (): number => process.resourceUsage().maxRSS * 1024;

/**
 * Time that the calling thread has had on a processor, ms; undefined where the system doesn't tell (no Linux). Node 20
 * has it for the whole process only. Linux tells it by thread: field 1 of `schedstat`, nanoseconds.
 */
export function threadCpuMs(): number | undefined {
  try {
    const nanoseconds = Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[0]);
    return Number.isFinite(nanoseconds) ? nanoseconds / 1e6 : undefined;
  } catch {
    return undefined;
  }
}
