import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Batch, Fault, Outcome } from './child.ts';
import { Worker } from './worker.ts';

export interface CampaignOptions {
  readonly cases: number;
  readonly seed: number;
  /** First case; default 0. */
  readonly first?: number;
  /** Processes at a time. */
  readonly jobs: number;
  readonly only?: readonly string[];
  /** Milliseconds for one case. */
  readonly limit?: number;
  readonly onProgress?: (done: number, faults: readonly Fault[]) => void;
}

export interface Result {
  readonly cases: number;
  readonly faults: readonly Fault[];
  readonly read: Readonly<Record<string, number>>;
  readonly refused: Readonly<Record<string, number>>;
  readonly memory: Outcome['memory'];
  readonly time: Outcome['time'];
}

const BATCH = 250;

/**
 * Feeds mutated inputs to the readers of the program, in processes that may die. A fault is: an error that isn't a
 * message for people, a wrong result, a crash, a case that takes too long or too much memory, a file outside the process's
 * working folder.
 */
export async function campaign(options: CampaignOptions): Promise<Result> {
  const { cases, seed, first = 0, jobs, only = [], limit = 60_000 } = options;
  const base = mkdtempSync(join(tmpdir(), 'mis-fuzz-'));
  const result = {
    read: {} as Record<string, number>,
    refused: {} as Record<string, number>,
    faults: [] as Fault[],
  };
  let memory = { bytes: 0, number: first };
  let time = { ms: 0, number: first };
  let next = first;
  let done = 0;
  const take = (outcome: Outcome) => {
    for (const key of ['read', 'refused'] as const)
      for (const [kind, count] of Object.entries(outcome[key]))
        result[key][kind] = (result[key][kind] ?? 0) + count;
    result.faults.push(...outcome.faults);
    if (outcome.memory.bytes > memory.bytes) memory = outcome.memory;
    if (outcome.time.ms > time.ms) time = outcome.time;
  };
  const loop = async (index: number) => {
    const folder = join(base, `${index}`, 'inside');
    mkdirSync(folder, { recursive: true });
    const worker = new Worker({ seed, only, folder, limit });
    try {
      while (next < first + cases) {
        const from = next;
        const to = Math.min(first + cases, from + BATCH);
        next = to;
        await readBatch(worker, { from, to }, take);
        const strays = straysIn(join(base, `${index}`), base);
        if (strays.length > 0)
          result.faults.push({
            number: from,
            input: `cases ${from} to ${to - 1}`,
            what: `write: ${strays.join(', ')}`,
          });
        done += to - from;
        options.onProgress?.(done, result.faults);
      }
    } finally {
      await worker.close();
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: jobs }, (_, index) => loop(index)));
  rmSync(base, { recursive: true, force: true });
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return { cases, ...result, memory, time };
}

/** Reads a batch; a case that kills the process is told, and the batch goes on after it. */
async function readBatch(worker: Worker, batch: Batch, take: (outcome: Outcome) => void): Promise<void> {
  for (let { from, to } = batch; from < to; ) {
    const ended = await worker.run({ from, to });
    if ('outcome' in ended) return take(ended.outcome);
    const { at, what } = ended;
    const none = { read: {}, refused: {}, memory: { bytes: 0, number: at }, time: { ms: 0, number: at } };
    const cause = await culprit(worker, from, at);
    const input = cause === undefined ? `some case from ${from} to ${at}, not reproduced` : `case ${cause}`;
    take({ ...none, faults: [{ number: cause ?? at, input, what }] });
    // What came before it in the batch was lost with the process.
    if (at > from) await readBatch(worker, { from, to: at }, take);
    from = at + 1;
  }
}

/** The case that kills the process: the last one, if it does so alone; else one before it, found by halving. */
async function culprit(worker: Worker, first: number, last: number): Promise<number | undefined> {
  const dies = async (from: number, to: number) => !('outcome' in (await worker.run({ from, to })));
  if (await dies(last, last + 1)) return last;
  if (!(await dies(first, last + 1))) return undefined;
  // The latest start from which the process still dies is where the damage is done.
  let [low, high] = [first, last];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (await dies(middle, last + 1)) low = middle;
    else high = middle;
  }
  return low;
}

/**
 * Files that lie anywhere but where a process works: in its box (it rests while this is looked at), and beside the boxes.
 */
function straysIn(box: string, base: string): string[] {
  const known = /^inside(\/(progress$|tmp|home|work)|$)/;
  const project = /^inside\/work\/project\//;
  const ours = /^inside\/work\/project\/(configs|pipeline\.yaml$|stages|demo)/;
  const inside = readdirSync(box, { recursive: true, encoding: 'utf8' }).filter(
    (name) => !known.test(name) || (project.test(name) && !ours.test(name)),
  );
  return [...inside, ...readdirSync(base).filter((name) => !/^\d+$/.test(name))];
}
