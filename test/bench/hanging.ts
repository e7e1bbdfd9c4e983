// A benchmark that never ends by itself, for command.test.ts: prints its folder once a child of it is at work there.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command } from '../../bench/command.ts';
import { runChild } from '../../bench/measure.ts';

const out = (line: string) => process.stdout.write(`${line}\n`);
await command(['hanging', '--json'], {
  benchmarks: {
    hanging: async () => ({
      summary: 'nothing',
      async run({ dir }) {
        writeFileSync(join(dir, 'file'), 'content');
        setTimeout(() => out(dir), 200);
        await runChild('/bin/sh', ['-c', `while sleep 0.05; do date >> ${join(dir, 'written')}; done`]);
      },
    }),
  },
  results: '',
  resultsInRepository: 'none',
  out,
  err: () => {},
});
