import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { campaign, type Result } from './campaign.ts';
import { caseOf } from './case.ts';
import { type Kind, makeCorpus } from './corpus/index.ts';
import { isPromised, makeReaders } from './reading.ts';

const USAGE = `npm run fuzz -- [--cases N] [--seed S] [--only KIND,…] [--jobs J] [--limit SECONDS] [--json]
npm run fuzz -- --seed S --case K [--only KIND,…]    one case again, in this process`;

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '2' },
    only: { type: 'string', default: '' },
    limit: { type: 'string', default: '20' },
    case: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const only = values.only.split(',').filter(Boolean) as Kind[];

if (values.help) console.log(USAGE);
else if (values.case !== undefined) await again(Number(values.case));
else await all();

async function all(): Promise<void> {
  let told = 0;
  const started = Date.now();
  const result = await campaign({
    cases: Number(values.cases),
    seed,
    only,
    jobs: Number(values.jobs),
    limit: 1000 * Number(values.limit),
    onProgress: (done, faults) => {
      for (; told < faults.length; told++) {
        const { number, input, what } = faults[told]!;
        console.error(
          `case ${number} (${input}): ${what}\n  again: npm run fuzz -- --seed ${seed} --case ${number}${only.length ? ` --only ${only}` : ''}`,
        );
      }
      if (!values.json)
        console.error(
          `${done} cases, ${faults.length} faults, ${Math.round((Date.now() - started) / 1000)} s`,
        );
    },
  });
  if (!values.json) console.log(summary(result));
  console.log(JSON.stringify({ cases: result.cases, faults: result.faults.length }));
  if (result.faults.length > 0) process.exitCode = 1;
}

function summary({ read, refused, memory, time }: Result): string {
  const kinds = [...new Set([...Object.keys(read), ...Object.keys(refused)])].sort();
  const lines = kinds.map(
    (kind) =>
      `${kind.padEnd(14)}${`${read[kind] ?? 0} read`.padStart(14)}${`${refused[kind] ?? 0} refused`.padStart(16)}`,
  );
  lines.push(`largest growth of memory: ${Math.round(memory.bytes / 2 ** 20)} MiB (case ${memory.number})`);
  lines.push(`longest: ${Math.round(time.ms)} ms (case ${time.number})`);
  return lines.join('\n');
}

/** Keeps the input of one case as a file, reads it here, and tells what comes of it. */
async function again(number: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'mis-fuzz-case-'));
  const { read, records } = await makeReaders(folder);
  const one = caseOf(seed, number, [...(await makeCorpus(folder)), ...records], only);
  const { kind, name } = one.item;
  const kept = join(folder, `case-${number}-${name.replaceAll('/', '-')}`);
  writeFileSync(kept, one.bytes);
  console.log(`case ${number}: ${kind} ${name}, ${one.bytes.length} bytes, kept in ${kept}`);
  const error: unknown = await read(one).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error === undefined) console.log('read');
  else if (isPromised(error, kind, name)) console.log(`refused: ${(error as Error).message}`);
  else {
    console.log('FAULT', error);
    process.exitCode = 1;
  }
}
