import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isUserError } from '../common/errors.ts';
import type { Benchmark } from './benchmark.ts';
import { command } from './command.ts';

/** Every folder here with an index.ts is a benchmark. */
const benchmarks = Object.fromEntries(
  readdirSync(new URL('.', import.meta.url))
    .map((name) => ({ name, entry: new URL(`./${name}/index.ts`, import.meta.url) }))
    .filter(({ entry }) => existsSync(entry))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, entry }) => [
      name,
      async () => ((await import(entry.href)) as { default: Benchmark }).default,
    ]),
);

try {
  await command(process.argv.slice(2), {
    benchmarks,
    results: fileURLToPath(new URL('./RESULTS.md', import.meta.url)),
    resultsInRepository: 'bench/RESULTS.md',
    out: (line) => process.stdout.write(`${line}\n`),
    err: (line) => process.stderr.write(`${line}\n`),
  });
} catch (error) {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`bench: ${isUserError(error) ? error.message : text}\n`);
  process.exitCode = 1;
}
