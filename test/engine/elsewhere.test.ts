import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { forgetSources } from '../../cache/sources/fetch.ts';
import { type HubServer, startHub } from '../cache/sources/hub-server.ts';
import { dryAndWet, mistake } from './in-process.ts';
import { blobs, project } from './support.ts';

const COMMIT = 'c0ffee'.padEnd(40, '0');
const TEXT = Buffer.from('weights of a network');
const PARTS = { 'p-08.txt': Buffer.from('a'), 'p-09.txt': Buffer.from('b'), 'p-10.txt': Buffer.from('c') };
const STAGE = `import { copyFileSync } from 'node:fs';
import { z } from 'zod';
import { defineStage } from '../../engine/stage.ts';

export default defineStage<any>({
  summary: 'copies a file',
  params: z.strictObject({}),
  files: { model: { by: 'content', what: 'model' } },
  outputs: { out: { kind: 'file', what: 'the copy' } },
  async run(task) {
    copyFileSync(task.file('model'), task.output('out'));
  },
});
`;
const JOIN = STAGE.replace('copyFileSync }', 'readFileSync, writeFileSync }')
  .replace("model: { by: 'content', what: 'model' }", "data: { by: 'listing', what: 'data set' }")
  .replace(
    /copyFileSync\(.*\);/,
    "writeFileSync(task.output('out'), task.files('data').map((p) => readFileSync(p)).join());",
  );
const listed = (...data: string[]) => ({
  'stages/join/index.ts': JOIN,
  'pipeline.yaml': [
    'stages:',
    '  join: { uses: ./stages/join, with: { data: "${data}" } }',
    '  copy: { uses: ./stages/copy, needs: { out: "${join.out}" } }',
    '',
  ].join('\n'),
  'stages/copy/index.ts': STAGE.replace(/files: .*,/, "inputs: { out: { take: 'one' } },").replace(
    "task.file('model')",
    "task.input('out').path",
  ),
  'configs/default.yaml': `data: ${JSON.stringify(data)}\n`,
});
const files = (model: string) => ({
  'stages/copy/index.ts': STAGE,
  'pipeline.yaml': 'stages:\n  copy:\n    uses: ./stages/copy\n    with: { model: "${model}" }\n',
  'configs/default.yaml': `model: ${model}\n`,
  'here.bin': TEXT.toString(),
});

const folder = process.cwd();
const caches = mkdtempSync(join(tmpdir(), 'mis-elsewhere-'));
let hub: HubServer;

beforeEach(async () => {
  hub = await startHub({
    'lab/net': { commit: COMMIT, branches: ['main'], files: { 'a.bin': TEXT } },
    'datasets/lab/parts': { commit: COMMIT, branches: ['main'], files: PARTS },
  });
  vi.stubEnv('HF_ENDPOINT', hub.url);
  vi.stubEnv('HF_HUB_CACHE', join(caches, 'hub'));
  vi.stubEnv('MIS_CACHE', join(caches, 'mis'));
  vi.stubEnv('HF_TOKEN_PATH', join(caches, 'none'));
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
  forgetSources();
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  await hub.close();
});
afterAll(() => {
  process.chdir(folder);
  rmSync(caches, { recursive: true });
});

it('a file of the hub, of the web and one here with the same bytes are the same to a task', async () => {
  const run = project('toy', files('hf://lab/net/a.bin'));
  process.chdir(run.dir);
  expect((await dryAndWet({ store: run.path('.mis') })).wet).toEqual({ copy: 'ran' });
  const sha256 = createHash('sha256').update(TEXT).digest('hex');
  for (const model of [
    `hf://lab/net@${COMMIT}/a.bin`,
    `${hub.url}/lab/net/resolve/main/a.bin#sha256=${sha256}`,
    '../here.bin',
  ]) {
    run.write('configs/default.yaml', `model: ${JSON.stringify(model)}\n`);
    expect((await dryAndWet({ store: run.path('.mis') })).wet, model).toEqual({ copy: 'hit' });
  }
});

it("what can't be had is told with its place in the config", async () => {
  expect(await mistake(files('hf://lab/net/b.bin'))).toMatch(
    /configs\/default\.yaml:1:8.*The repository lab\/net has no file b\.bin at main/s,
  );
  expect(await mistake(files('hf://net/b.bin'))).toMatch(/default\.yaml:1:8.*hf:\/\/ORG\/NAME\/PATH/s);
  expect(await mistake(files('https://a.org/x.onnx'))).toMatch(/default\.yaml:1:8.*has no digest/s);
});

describe('files of a data set that lie elsewhere', () => {
  const range = 'hf://datasets/lab/parts/p-{08..10}.txt';

  it('are brought here; fetched again they are the same, and elsewhere what comes of them is', async () => {
    const run = project('toy', listed(range));
    process.chdir(run.dir);
    const store = run.path('.mis');
    expect((await dryAndWet({ store })).wet).toEqual({ join: 'ran', copy: 'ran' });
    expect(Object.values(await blobs(store))).toEqual(['a,b,c']);
    rmSync(join(caches, 'hub'), { recursive: true });
    forgetSources();
    expect((await dryAndWet({ store })).wet).toEqual({ join: 'hit', copy: 'hit' });
    vi.stubEnv('HF_HUB_CACHE', join(caches, 'moved'));
    forgetSources();
    expect((await dryAndWet({ store })).wet).toEqual({ join: 'ran', copy: 'hit' });
  });

  it('of the web are remembered without a digest, also offline', async () => {
    const run = project('toy', listed(`${hub.url}/datasets/lab/parts/resolve/main/p-{08..10}.txt`));
    process.chdir(run.dir);
    const store = run.path('.mis');
    expect((await dryAndWet({ store })).wet.join).toBe('ran');
    forgetSources();
    expect((await dryAndWet({ store })).wet.join).toBe('hit');
    vi.stubEnv('MIS_OFFLINE', '1');
    forgetSources();
    expect((await dryAndWet({ store })).wet.join).toBe('hit');
  });

  it.each([
    ['hf://datasets/lab/parts/p-{08..11}.txt', /default\.yaml:1:8.*has no file p-11\.txt at c0ffee0/s],
    [`https://a.org/p-{0..1}.tar#sha256=${'0'.repeat(64)}`, /default\.yaml:1:8.*can't be that of 2 files/s],
    ['hf://datasets/lab/parts/p-*.txt', /default\.yaml:1:8.*isn't looked up on the hub/s],
    ['hf://datasets/lab/parts/p-{3..2}.txt', /default\.yaml:1:8.*range .* is empty/s],
  ])('%s is told with its place', async (text, expected) => {
    expect(await mistake(listed(text))).toMatch(expected);
  });
});
