import { mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import sharp from 'sharp';
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { isUserError } from '../../../common/errors.ts';
import { sha256 } from '../../../common/json.ts';
import stage from '../../../stages/index-dataset/index.ts';
import { readImages } from '../../../tables/images.ts';
import { openShard } from '../../../vision/images/shard.ts';
import { type FakeRun, runStage, temporaryFolder } from '../../support/fake-task.ts';
import { huggingFace, runDuckDb, sqlText } from '../../support/write-parquet.ts';

/** Paths of the images that were decoded. */
const decoded: string[] = [];
vi.mock('../../../vision/images/decode.ts', async (original) => {
  const real = (await original()) as typeof import('../../../vision/images/decode.ts');
  const decode: typeof real.decode = (encoded, path, orientation) => {
    decoded.push(path);
    return real.decode(encoded, path, orientation);
  };
  return { ...real, decode };
});
beforeEach(() => {
  decoded.length = 0;
});

const picture = (seed: number): Promise<Buffer> =>
  sharp({
    create: {
      width: 5 + (seed % 9),
      height: 6,
      channels: 3,
      background: { r: seed % 256, g: seed >> 3, b: 1 },
    },
  })
    .png()
    .toBuffer();

/** `count` images in folders a, b, c. */
async function folderOf(count: number): Promise<string> {
  const root = temporaryFolder();
  for (let i = 0; i < count; i++) {
    const folder = join(root, 'abc'[i % 3]!);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${i}.png`), await picture(i));
  }
  return root;
}

async function index(path: string | string[], params: object = {}, kept?: string) {
  const run = await runStage(stage, {
    params: { shards: 3, ...params },
    files: { path },
    ...(kept && { kept }),
  });
  return { run, rows: await rowsOf(run) };
}

/** Path, label and digest of every image, from all shards. */
async function rowsOf(run: FakeRun) {
  const rows = new Map<string, { label: string | null; digest: string; shard: string }>();
  for (const name of readdirSync(run.folder)) {
    const shard = /^shards-(\d+)-images$/.exec(name)?.[1];
    if (!shard) continue;
    const { paths, labels, digests } = await readImages(join(run.folder, name));
    for (const [i, path] of [...paths].entries())
      rows.set(path, { label: labels.at(i)!, digest: digests.at(i)!, shard });
  }
  return rows;
}

/** Digests of what a run put out. */
const filesIn = (folder: string) =>
  new Map(
    readdirSync(folder)
      .filter((name) => !name.startsWith('kept'))
      .map((name) => [name, sha256(readFileSync(join(folder, name)))]),
  );

describe('subsets', () => {
  test('classes, then a sample, then the first ones', async () => {
    const root = await folderOf(60);
    const all = [...(await index(root)).rows.keys()].sort();
    const ofClass = await index(root, { subset: { classes: ['c', 'a'] } });
    expect([...ofClass.rows.keys()].sort()).toEqual(all.filter((path) => !path.startsWith('b')));
    expect(JSON.parse(readFileSync(ofClass.run.output('classes'), 'utf8'))).toEqual(
      ['a', 'b', 'c'].map((label) => ({ label })),
    );
    const sample = [...(await index(root, { subset: { sample: { n: 10, seed: 3 } } })).rows.keys()];
    expect(sample).toHaveLength(10);
    expect([...(await index(root, { subset: { sample: { n: 10, seed: 4 } } })).rows.keys()]).not.toEqual(
      sample,
    );
    const limited = await index(root, { subset: { limit: 4 } });
    expect([...limited.rows.keys()].sort()).toEqual(all.slice(0, 4));
    const both = await index(root, { subset: { classes: ['b'], sample: { n: 5 }, limit: 2 } });
    expect(both.rows.size).toBe(2);
    for (const path of both.rows.keys()) expect(path).toMatch(/^b\//);
  });

  test('a sample keeps its images when others are added', async () => {
    const root = await folderOf(40);
    const before = new Set((await index(root, { subset: { sample: { n: 20 } } })).rows.keys());
    for (let i = 0; i < 4; i++) writeFileSync(join(root, 'a', `new ${i}.png`), await picture(i));
    const after = [...(await index(root, { subset: { sample: { n: 20 } } })).rows.keys()];
    const others = after.filter((path) => !before.has(path));
    for (const path of others) expect(path).toMatch(/new/);
    expect(others.length).toBeLessThanOrEqual(4);
  });

  test('a class that no image has is refused', async () => {
    const root = await folderOf(3);
    const refused = await index(root, { subset: { classes: ['a', 'dog'] } }).catch((error: unknown) => error);
    expect(isUserError(refused)).toBe(true);
    expect((refused as Error).message).toMatch(/label "dog".*subset\.classes.*a, b, c/);
  });
});

describe('what earlier runs found out', () => {
  const roots: string[] = [];
  beforeAll(async () => {
    for (const count of [30, 12, 30]) roots.push(await folderOf(count));
    writeFileSync(join(roots[1]!, 'a/bad.png'), 'no image');
    writeFileSync(join(roots[2]!, 'b/0bad.png'), 'no image');
    // What changed less than two seconds ago is not remembered.
    await setTimeout(2100);
  });

  test('only what changed is read and decoded again, and the index is the same as without', async () => {
    const root = roots[0]!;
    const kept = temporaryFolder();
    await index(root, {}, kept);
    expect(decoded).toHaveLength(30);
    decoded.length = 0;
    const again = await index(root, {}, kept);
    expect(decoded).toEqual([]);
    utimesSync(join(root, 'a/3.png'), 1e9, 1e9);
    writeFileSync(join(root, 'b/4.png'), await picture(99));
    writeFileSync(join(root, 'c/new.png'), await picture(77));
    rmSync(join(root, 'a/0.png'));
    const changed = await index(root, {}, kept);
    expect(decoded.sort()).toEqual(['a/3.png', 'b/4.png', 'c/new.png']);
    const without = await index(root);
    expect(filesIn(changed.run.folder)).toEqual(filesIn(without.run.folder));
    expect(changed.rows.get('b/4.png')!.digest).not.toBe(again.rows.get('b/4.png')!.digest);
    decoded.length = 0;
    // What has just been written may change again within a tick of the clock: it is not remembered.
    await index(root, {}, kept);
    expect(decoded.sort()).toEqual(['a/3.png', 'b/4.png', 'c/new.png']);
    decoded.length = 0;
    await index(root, { orientation: 'ignore' }, kept);
    expect(decoded).toHaveLength(30);
  });

  test('a subset adds to it; a damaged file of it is of no harm; images that fail are looked at every time', async () => {
    const root = roots[1]!;
    const kept = temporaryFolder();
    await index(root, { subset: { limit: 5 }, 'on-error': 'skip' }, kept);
    decoded.length = 0;
    const whole = await index(root, { 'on-error': 'skip' }, kept);
    expect(decoded).toHaveLength(12 + 1 - 4);
    expect(whole.rows.size).toBe(12);
    await index(root, { subset: { limit: 2 }, 'on-error': 'skip' }, kept);
    decoded.length = 0;
    await index(root, { 'on-error': 'skip' }, kept);
    expect(decoded).toEqual(['a/bad.png']);
    for (const name of readdirSync(kept)) writeFileSync(join(kept, name), 'nonsense');
    decoded.length = 0;
    expect((await index(root, { 'on-error': 'skip' }, kept)).rows).toEqual(whole.rows);
    expect(decoded).toHaveLength(13);
  });

  test('a run that stops keeps what it did', async () => {
    const root = roots[2]!;
    const kept = temporaryFolder();
    await expect(index(root, {}, kept)).rejects.toThrow(/0bad\.png/);
    rmSync(join(root, 'b/0bad.png'));
    const done = decoded.length - 1;
    expect(done).toBeGreaterThanOrEqual(10);
    decoded.length = 0;
    expect((await index(root, {}, kept)).rows.size).toBe(30);
    expect(decoded).toHaveLength(30 - done);
  });
});

describe('Parquet files', () => {
  test('are indexed by blocks of rows, and read as they were; rows without image are left out', async () => {
    const root = await folderOf(9);
    const file = join(root, 'train-00000-of-00001.parquet');
    const features = huggingFace({
      image: { _type: 'Image' },
      label: { _type: 'ClassLabel', names: ['x', 'y'] },
    });
    await runDuckDb(
      `CREATE TABLE p AS SELECT row_number() OVER (ORDER BY filename) - 1 AS i, content FROM read_blob(${sqlText(`${root}/*/*.png`)})`,
      `COPY (SELECT {'bytes': CASE WHEN r = 100 THEN NULL ELSE content END, 'path': r || '.png'} AS image, r % 2 AS label
        FROM range(400) AS t(r) JOIN p ON p.i = r % 9 ORDER BY r) TO ${sqlText(file)}
        (FORMAT parquet, KV_METADATA {huggingface: ${sqlText(features)}})`,
    );
    const { run, rows } = await index(file, { 'on-error': 'skip', shards: 3 });
    expect(rows.size).toBe(399);
    const name = (row: number) => `train-00000-of-00001.parquet/${String(row).padStart(7, '0')}/${row}.png`;
    expect(rows.get(name(7))!.label).toBe('y');
    expect(rows.get(name(64))!.shard).toBe(rows.get(name(127))!.shard);
    expect(JSON.parse(readFileSync(run.output('skipped'), 'utf8'))).toEqual([
      { path: name(100), reason: 'its row of the Parquet file holds no bytes' },
    ]);
    expect(JSON.parse(readFileSync(run.output('classes'), 'utf8'))).toEqual([{ label: 'x' }, { label: 'y' }]);
    for (const shard of new Set([...rows.values()].map((row) => row.shard))) {
      const opened = await openShard(
        run.listOutput('shards', shard, 'images'),
        run.listOutput('shards', shard, 'places'),
      );
      for (let row = 0; row < opened.rows; row++)
        expect(sha256(await opened.read(row))).toBe(rows.get(opened.paths.at(row)!)!.digest);
      await opened.close();
    }
    const kept = temporaryFolder();
    await setTimeout(2100);
    await index(file, { 'on-error': 'skip' }, kept);
    decoded.length = 0;
    await index(file, { 'on-error': 'skip' }, kept);
    expect(decoded).toEqual([]);
  });

  test('a file that changed is refused when it is read', async () => {
    const root = await folderOf(2);
    const file = join(root, 'x.parquet');
    const write = (order: string) =>
      runDuckDb(
        `COPY (SELECT {'bytes': content, 'path': filename} AS image FROM read_blob(${sqlText(`${root}/*/*.png`)}) ORDER BY filename ${order}) TO ${sqlText(file)} (FORMAT parquet)`,
      );
    await write('ASC');
    const { run } = await index(file, { shards: 1 });
    await write('DESC');
    const shard = await openShard(
      run.listOutput('shards', '00', 'images'),
      run.listOutput('shards', '00', 'places'),
    );
    const refused = await shard.read(0).catch((error: unknown) => error);
    expect((refused as Error).message).toMatch(/x\.parquet\/0000000\/0\.png changed since it was indexed/);
    await shard.close();
  });
});
