import { mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { caseOf } from './case.ts';
import { type Kind, makeCorpus } from './corpus/index.ts';
import { isPromised, makeReaders } from './reading.ts';

/** What the parent asks for: cases from `from` up to (not including) `to`. */
export interface Batch {
  readonly from: number;
  readonly to: number;
}

export interface Fault {
  readonly number: number;
  readonly input: string;
  /** `crash`, `hang`, `memory`, `write`, or what was thrown or wrong. */
  readonly what: string;
}

/** What came of a batch. */
export interface Outcome {
  /** Cases by kind of input: how many were read, and how many refused with a message. */
  readonly read: Record<string, number>;
  readonly refused: Record<string, number>;
  readonly faults: readonly Fault[];
  /** Largest growth of memory in one case (bytes), largest time (ms), and the cases. */
  readonly memory: { readonly bytes: number; readonly number: number };
  readonly time: { readonly ms: number; readonly number: number };
}

/** A case may take this much more memory than the process held before it: a decoded image of the largest size, twice. */
const MOST_GROWTH = 1.75 * 2 ** 30;

const [seedText = '0', folder = '', onlyText = ''] = process.argv.slice(2);
const seed = Number(seedText);
const only = onlyText.split(',').filter(Boolean) as Kind[];
rmSync(join(folder, 'work'), { recursive: true, force: true });
mkdirSync(join(folder, 'work'), { recursive: true });
const corpus = await makeCorpus(join(folder, 'work'));
const { read, records } = await makeReaders(join(folder, 'work'));
corpus.push(...records);
const progress = openSync(join(folder, 'progress'), 'w');

process.on('message', (batch: Batch) => {
  void run(batch).then((outcome) => process.send!(outcome));
});
process.on('disconnect', () => process.exit());
process.send!('ready');

async function run({ from, to }: Batch): Promise<Outcome> {
  const outcome = {
    read: {} as Record<string, number>,
    refused: {} as Record<string, number>,
    faults: [] as Fault[],
  };
  let memory = { bytes: 0, number: from };
  let time = { ms: 0, number: from };
  for (let number = from; number < to; number++) {
    writeSync(progress, String(number).padStart(12), 0);
    const one = caseOf(seed, number, corpus, only);
    const { kind, name } = one.item;
    const fault = (what: string) => outcome.faults.push({ number, input: `${kind} ${name}`, what });
    const before = startMeasuring();
    const started = performance.now();
    try {
      await read(one);
      outcome.read[kind] = (outcome.read[kind] ?? 0) + 1;
    } catch (error) {
      if (isPromised(error, kind, name)) outcome.refused[kind] = (outcome.refused[kind] ?? 0) + 1;
      else fault(error instanceof Error ? (error.stack ?? error.message).slice(0, 600) : String(error));
    }
    const ms = performance.now() - started;
    if (ms > time.ms) time = { ms, number };
    const bytes = peak() - before;
    if (bytes > memory.bytes) memory = { bytes, number };
    if (bytes > MOST_GROWTH) fault(`memory: grew by ${Math.round(bytes / 2 ** 20)} MiB`);
  }
  return { ...outcome, memory, time };
}

/** Makes the kernel forget the largest size that the process had; returns the size that it has. */
function startMeasuring(): number {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // Not on this system: growth is then measured from the largest size so far.
  }
  return peak();
}

/** The largest resident size since measuring began, bytes. */
function peak(): number {
  try {
    const found = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'));
    return found ? Number(found[1]) * 1024 : 0;
  } catch {
    return process.memoryUsage.rss();
  }
}
