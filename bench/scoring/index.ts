import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Benchmark } from '../benchmark.ts';
import { alternate, median, runChild, succeeded } from '../measure.ts';
import { pythonWith } from '../python.ts';
import { ALPHA, layOut, type Size } from './data.ts';
import { measureStages, type Parts, type Sampled, sampled } from './mis.ts';

const PAIRS = fileURLToPath(new URL('./pairs.py', import.meta.url));
const PACKAGES = { numpy: 'python3-numpy' };
/** Numpy computes in float32. */
const TOLERANCE = 1e-5;
const MIB = 2 ** 20;

const FULL: Size = { units: 10_000, images: 5_000, dimensions: 1792, tasks: 20, references: 9, sample: 200 };
const QUICK: Size = { ...FULL, units: 300, images: 1_000, sample: 20 };
const FEW: Size = { ...FULL, units: 20, images: 500, dimensions: 16, sample: 1 };

/** Seconds that numpy took for the sampled units, and what it found. */
interface Numpy {
  readonly selection: number;
  readonly direct: number;
  readonly stacked: { readonly once: number; readonly units: number };
  readonly scoring: number;
  readonly margins: readonly number[];
  readonly again: readonly number[];
  readonly mis: readonly number[];
}

export default {
  summary: 'selection, similarity and scoring of 10,000 units: mis beside numpy, which visits all pairs',
  versions: async () => pythonWith(PACKAGES).versions,
  async run({ quick, dir, say, result }) {
    const { python } = pythonWith(PACKAGES);
    const size = quick ? QUICK : FULL;
    const few = { data: layOut(join(dir, 'few'), FEW), size: FEW };
    say(`writing activations and embeddings of ${size.images} images …`);
    const all = { data: layOut(join(dir, 'all'), size), size };
    const mis = async () => {
      say('mis …');
      return measureStages(few, all);
    };
    await mis(); // numpy takes its tasks
    const own = await sampled(all.data, size);
    const input = JSON.stringify({ ...size, ...all.data.raw, shown: own.shown, alpha: ALPHA });
    const numpy = async () => {
      say('numpy …');
      const ended = succeeded('numpy', await runChild(python, [PAIRS], { input }));
      const found = JSON.parse(ended.stdout) as Numpy;
      checkAgreement(own, found);
      return { ...found, peak: ended.peak };
    };
    const rounds = quick ? 1 : 5;
    const found = await alternate(rounds, { mis, numpy });

    const times = size.units / size.sample;
    const ours = (part: (of: Parts) => number) => median(found.mis.map(({ again }) => part(again)));
    const theirs = (part: (of: Numpy) => number) => median(found.numpy.map((one) => times * part(one)));
    const seconds = {
      mis: {
        selection: ours((of) => of.selection),
        similarity: ours((of) => of.similarity),
        scoring: ours((of) => of.scoring),
      },
      numpy: {
        selection: theirs((of) => of.selection),
        direct: theirs((of) => of.direct),
        stacked: theirs((of) => of.stacked.units + of.stacked.once / times),
        scoring: theirs((of) => of.scoring),
      },
    };
    const total = seconds.mis.selection + seconds.mis.similarity + seconds.mis.scoring;
    const rest = seconds.numpy.selection + seconds.numpy.scoring;
    const peak = Math.max(...found.mis.map((of) => of.peak)) / MIB;
    const first = median(found.mis.map(({ first }) => first.selection + first.similarity + first.scoring));
    const sizes = `${size.units} units, ${size.images} images, D = ${size.dimensions}, N = ${size.tasks}, K = ${size.references}; mis: files to files, ${availableParallelism()} cores, in a process that did as much before; numpy: in memory, float32, ${size.sample} units scaled to all; median of ${rounds}`;
    const compare = (name: string, of: number, to: number, more = {}, target?: number) =>
      result({ case: name, ratio: to / of, of, to, unit: 's', sizes, more, ...(target && { target }) });
    compare(
      'selection, similarity and scoring; numpy pair by pair',
      total,
      rest + seconds.numpy.direct,
      { 'first run of the process (s)': first, 'peak memory of mis (MiB)': peak },
      50,
    );
    compare(
      "selection, similarity and scoring; numpy all of a unit's pairs at once",
      total,
      rest + seconds.numpy.stacked,
    );
    compare('similarity alone; numpy pair by pair', seconds.mis.similarity, seconds.numpy.direct);
    compare(
      "similarity alone; numpy all of a unit's pairs at once",
      seconds.mis.similarity,
      seconds.numpy.stacked,
    );
    compare('selection alone; numpy argsort', seconds.mis.selection, seconds.numpy.selection);
    compare('scoring alone', seconds.mis.scoring, seconds.numpy.scoring);
  },
} satisfies Benchmark;

/** Throws when numpy found something else: then there is nothing to compare. */
function checkAgreement(own: Sampled, found: Numpy): void {
  for (const [what, a, b] of [
    ['margins', own.margins, found.margins],
    ['margins of all pairs at once', own.margins, found.again],
    ['scores', own.mis, found.mis],
  ] as const) {
    const off = Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));
    if (a.length !== b.length || !(off <= TOLERANCE))
      throw new Error(`mis and numpy disagree on ${what}: ${a.length} and ${b.length} values, ${off} apart`);
  }
}
