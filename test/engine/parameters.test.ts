import { afterAll, expect, it } from 'vitest';
import { dryAndWet } from './in-process.ts';
import { project } from './support.ts';

const folder = process.cwd();
afterAll(() => process.chdir(folder));

const stage = (read: string) => `import { writeFileSync } from 'node:fs';
import { z } from 'zod';
import { defineStage } from '../../engine/stage.ts';

export default defineStage<any>({
  summary: 'writes what it reads',
  params: z.object({ inner: z.looseObject({ a: z.int() }), rest: z.int().optional() }),
  outputs: { out: { kind: 'file', what: 'a text' } },
  async run(task) {
    writeFileSync(task.output('out'), String(${read}));
  },
});
`;

/** A stage that reads one parameter, with a mapping of which the schema names one key only. */
async function reading(read: string, b: number) {
  const it = project('toy', {
    'stages/nest/index.ts': stage(read),
    'pipeline.yaml': 'stages:\n  nest:\n    uses: ./stages/nest\n    with: { inner: "${inner}" }\n',
    'configs/default.yaml': `inner: { a: 1, b: ${b} }\n`,
  });
  process.chdir(it.dir);
  return dryAndWet({ store: it.path('.mis') });
}

it('a parameter that is read and not declared fails the task', async () => {
  expect((await reading('task.params.other', 2)).wet).toEqual({ nest: 'failed' });
  expect((await reading('task.params.inner.a', 2)).wet).toEqual({ nest: 'ran' });
  expect((await reading('task.params.rest', 2)).wet).toEqual({ nest: 'ran' });
});

it('inside a mapping nothing need be declared, for all of it is in the fingerprint', async () => {
  const [two, again, three] = [
    await reading('task.params.inner.b', 2),
    await reading('task.params.inner.b', 2),
    await reading('task.params.inner.b', 3),
  ];
  expect([two, again, three].map(({ wet }) => wet)).toEqual(Array(3).fill({ nest: 'ran' }));
  expect(again.prints).toEqual(two.prints);
  expect(three.prints).not.toEqual(two.prints);
});
