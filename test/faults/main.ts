import { cpus, release } from 'node:os';
import { parseArgs } from 'node:util';
import { campaign } from './campaign.ts';

const HELP = `npm run faults -- [--kills N] [--seed S] [--study-every M] [--at-once L] [--json]

Kills whole runs at random moments (-9) until N of them were hit, and compares every result that comes of it with that of
an undisturbed run. Every Mth round is one of the real pipeline on 200 images (default 20, 0: none). L rounds are
played side by side (default 2).
`;

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    seed: { type: 'string', default: '7' },
    'study-every': { type: 'string', default: '20' },
    'at-once': { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function whole(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  process.stderr.write(`--${name} takes a whole number from ${least}, not ${text}\n`);
  process.exit(2);
}

if (values.help) {
  process.stdout.write(HELP);
} else {
  const log = (line: string) => void process.stderr.write(`${line}\n`);
  const started = performance.now();
  log(`${cpus().length} × ${cpus()[0]?.model}, Linux ${release()}, Node ${process.version}`);
  const summary = await campaign({
    kills: whole('kills', values.kills, 1),
    seed: whole('seed', values.seed, 0),
    studyEvery: whole('study-every', values['study-every'], 0),
    lanes: whole('at-once', values['at-once'], 1),
    log,
  });
  const { kills, rounds, twins, damages, differences } = summary;
  const all = Object.entries(rounds).map(([name, count]) => `${count} of the ${name} graph`);
  log(
    `${kills} kills in ${Math.round((performance.now() - started) / 1000)} s; rounds: ${all.join(', ')}; ` +
      `${twins} with two runs at once, ${damages} with damage to the store`,
  );
  if (values.json) process.stdout.write(`${JSON.stringify({ kills, differences: differences.length })}\n`);
  else process.stdout.write(`${kills} kills, ${differences.length} differences\n`);
  process.exitCode = differences.length > 0 ? 1 : 0;
}
