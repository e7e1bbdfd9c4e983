import { availableParallelism } from 'node:os';
import type { Bench, Benchmark } from '../benchmark.ts';
import { CASES, type Case, layOut } from '../cases.ts';
import { alternate, median, middle, spread } from '../measure.ts';
import { misSide } from '../mis.ts';
import { pythonWith } from '../python.ts';
import { agreement } from './agreement.ts';
import { grid, PACKAGES, type Setting, shown, torchSide } from './torch.ts';

const ROUNDS = 5;
const MIB = 2 ** 20;

export default {
  summary:
    'activations of every convolution and batch norm: mis beside PyTorch with forward hooks and its DataLoader',
  versions: async () => {
    const { PIL, ...versions } = pythonWith(PACKAGES).versions;
    return { ...versions, Pillow: PIL! };
  },
  async run(bench) {
    for (const each of CASES) if (!bench.quick || each.id !== 'resnet50') await compare(each, bench);
  },
} satisfies Benchmark;

async function compare(of: Case, { quick, dir, say, result }: Bench): Promise<void> {
  const cores = availableParallelism();
  const counts = of.counts[quick ? 'quick' : 'full'];
  say(`${of.name}: writing ${counts.all} images, indexing them …`);
  const laid = await layOut(of, dir, cores, counts);
  const mis = await misSide(laid, of, dir, cores);
  const torch = torchSide(laid, of, dir);
  say(`${of.name}: looking for PyTorch's best setting …`);
  const settings: Setting[] = quick
    ? [{ threads: cores, workers: cores, layout: 'channels_last' }]
    : grid(cores);
  const setting = await torch.best(settings, counts.tried);
  const rounds = quick ? 1 : ROUNDS;
  let off = 0;
  const found = await alternate(rounds, {
    mis: async () => {
      say(`${of.name}: mis …`);
      return mis();
    },
    torch: async () => {
      say(`${of.name}: PyTorch …`);
      return torch.measure(setting);
    },
  });
  for (const [i, { activations }] of found.mis.entries())
    off = Math.max(off, agreement(activations, found.torch[i]!.activations));
  const compared = found.mis.map(({ rate: ours }, i) => {
    const theirs = found.torch[i]!.rate;
    return { ours, theirs, ratio: ours / theirs };
  });
  const { ours, theirs, ratio } = middle(compared, (round) => round.ratio);
  result({
    case: of.name,
    ratio,
    of: ours,
    to: theirs,
    unit: 'images/s',
    ...(of.target !== undefined && { target: of.target }),
    sizes: `${counts.all} ${of.images}; mis: ${cores} tasks at once, images beyond the first ${counts.few}; PyTorch: batch ${of.batch}, ${shown(setting)} (${settings.length === 1 ? 'not compared with others' : `best of ${settings.length} settings`}); no logits; ${rounds} rounds, that of the median ratio`,
    more: {
      ...spread(compared),
      'mis until the last task ended (images/s)': median(found.mis.map(({ untilLast }) => untilLast)),
      'start of mis (s)': median(found.mis.map(({ startUp }) => startUp)),
      'CPU of mis (ms/image)': 1000 * median(found.mis.map(({ cpu }) => cpu)),
      'CPU of PyTorch (ms/image)': 1000 * median(found.torch.map(({ cpu }) => cpu)),
      'peak memory of mis (MiB)': Math.max(...found.mis.map(({ peak }) => peak)) / MIB,
      'peak memory of PyTorch (MiB)': Math.max(...found.torch.map(({ peak }) => peak)) / MIB,
      'largest relative difference of activations': off,
    },
  });
}
