import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { batchSizes } from '../../vision/onnx/batch.ts';
import type { Bench, Benchmark } from '../benchmark.ts';
import { CASES, type Case, type Laid, layOut, preprocessOf } from '../cases.ts';
import { alternate, median, middle, runChild, spread, succeeded } from '../measure.ts';
import { misSide } from '../mis.ts';
import { photograph } from '../photographs.ts';
import type { Work } from './floor.ts';

const ROUNDS = 7;
/** Pictures of the small network's files: to make as many as it takes files to time it would take minutes. */
const PICTURES = 1000;
const MIB = 2 ** 20;

/** What the stage has to reach of the floor. */
const TARGETS: Readonly<Record<string, number>> = {
  resnet18: 0.92,
  resnet50: 0.95,
  'small-photographs': 0.8,
};

export default {
  summary: 'the activation stage beside its floor: the bare session on ready tensors, and decoding',
  async run(bench) {
    for (const each of cases()) if (!bench.quick || each.id.startsWith('small')) await compare(each, bench);
  },
} satisfies Benchmark;

/** Those of the other benchmarks, ResNet-18 with its logits, and the small network on photographs. */
function cases(): Case[] {
  const named = (name: string) => CASES.find(({ id }) => id === name)!;
  const [resnet18, small] = [named('resnet18'), named('small')];
  const withLogits = {
    ...resnet18,
    id: 'resnet18-logits',
    name: `${resnet18.name}, logits too`,
    logits: true,
  };
  const onPhotographs: Case = {
    ...small,
    id: 'small-photographs',
    name: `${small.name}, of photographs`,
    resize: { shorter: 32, crop: 32 },
    images: `JPEG files of 500 × 375, 100 KB each, of ${PICTURES} pictures`,
    counts: { full: { few: 2400, all: 8400, tried: 0 }, quick: { few: 200, all: 1500, tried: 0 } },
    async *files(count) {
      const pictures: Uint8Array[] = [];
      for (let i = 0; i < count; i++) {
        const picture = i % PICTURES;
        pictures[picture] ??= await photograph(picture);
        yield pictures[picture]!;
      }
    },
    ending: 'jpg',
  };
  return [...CASES, withLogits, onPhotographs];
}

async function compare(of: Case, { quick, dir, say, result }: Bench): Promise<void> {
  const cores = availableParallelism();
  const counts = of.counts[quick ? 'quick' : 'full'];
  say(`${of.name}: writing ${counts.all} images, indexing them …`);
  const laid = await layOut(of, dir, cores, counts);
  const mis = await misSide(laid, of, dir, cores);
  const size = of.resize?.crop ?? 32;
  const session: Work = {
    kind: 'session',
    model: laid.model,
    size,
    batches: batchSizes([size, size]),
    images: Math.ceil(counts.all / cores / 2),
  };
  const rounds = quick ? 1 : ROUNDS;
  const found = await alternate(rounds, {
    mis: () => {
      say(`${of.name}: mis …`);
      return mis();
    },
    session: () => {
      say(`${of.name}: the bare session …`);
      return onAllCores(cores, () => session);
    },
    decoding: () => {
      say(`${of.name}: decoding …`);
      return onAllCores(cores, (core) => decoding(of, laid, core, cores));
    },
  });
  const bySize = session.batches.map((_, i) => median(found.session.map((round) => round[i]!)));
  const best = bySize.indexOf(Math.min(...bySize));
  const compared = found.mis.map(({ rate }, i) => {
    const [bare, decode] = [found.session[i]![best]!, found.decoding[i]![0]!];
    const floor = cores / (bare + decode);
    return { rate, bare, decode, floor, ratio: rate / floor };
  });
  const { rate, bare, decode, floor, ratio } = middle(compared, (round) => round.ratio);
  const target = TARGETS[of.id];
  result({
    case: of.name,
    ratio,
    of: rate,
    to: floor,
    unit: 'images/s',
    ...(target !== undefined && { target }),
    sizes: `${counts.all} ${of.images}; ${cores} tasks at once, images beyond the first ${counts.few}; floor: processor time of the untapped session (${cores} at once, 1 thread, the fastest of the batch sizes ${session.batches.join(', ')}) and of decoding, over ${cores} cores; ${of.logits ? '' : 'no logits; '}${rounds} rounds, that of the median ratio`,
    more: {
      ...spread(compared),
      'session (CPU ms/image)': 1000 * bare,
      'decoding (CPU ms/image)': 1000 * decode,
      'mis (CPU ms/image)': 1000 * median(found.mis.map(({ cpu }) => cpu)),
      'mis until the last task ended (images/s)': median(found.mis.map(({ untilLast }) => untilLast)),
      'start of mis (s)': median(found.mis.map(({ startUp }) => startUp)),
      'peak memory of mis (MiB)': Math.max(...found.mis.map(({ peak }) => peak)) / MIB,
    },
  });
}

function decoding(of: Case, { all }: Laid, core: number, cores: number): Work {
  const files = all.paths.filter((_, i) => i % cores === core).map((path) => join(all.folder, path));
  return {
    kind: 'decode',
    files,
    preprocess: { ...preprocessOf(of), ...(of.resize === undefined && { size: 32 }) },
  };
}

const FLOOR = fileURLToPath(new URL('floor.ts', import.meta.url));

/** The processor times for an image, in seconds, while as many processes as there are cores do the same. */
async function onAllCores(cores: number, work: (core: number) => Work): Promise<number[]> {
  const ended = await Promise.all(
    Array.from({ length: cores }, (_, core) =>
      runChild(process.execPath, ['--import', 'tsx', FLOOR], { input: JSON.stringify(work(core)) }),
    ),
  );
  const times = ended.map((each) => JSON.parse(succeeded('the floor', each).stdout) as number[]);
  return times[0]!.map((_, i) => times.reduce((sum, each) => sum + each[i]!, 0) / cores);
}
