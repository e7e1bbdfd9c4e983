import { writeFileSync } from 'node:fs';
import { z } from 'zod';
import { defineStage } from '../../../engine/stage.ts';

/** Ends its thread in the way that an environment variable names, which isn't in the fingerprint: a machine's trouble. */
export default defineStage({
  summary: 'dies',
  params: z.strictObject({ name: z.string() }),
  inputs: { before: { take: 'each', optional: true } },
  outputs: { text: { kind: 'file', what: 'a text' } },
  async run(task) {
    if (process.env.TROUBLE === `exit ${task.params.name}`) process.exit(3);
    if (process.env.TROUBLE === `heap ${task.params.name}`) {
      const kept: number[][] = [];
      for (;;) kept.push(Array.from({ length: 10_000 }, Math.random));
    }
    if (process.env.TROUBLE === `buffer ${task.params.name}`) new ArrayBuffer(2 ** 46);
    writeFileSync(task.output('text'), `${task.params.name} after ${task.inputs('before').length}\n`);
  },
});
