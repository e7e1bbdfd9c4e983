import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { isUserError } from '../../../common/errors.ts';
import { sha256 } from '../../../common/json.ts';
import stage from '../../../stages/index-dataset/index.ts';
import { readImages } from '../../../tables/images.ts';
import { readPlaces } from '../../../tables/places.ts';
import { openShard, shardOf } from '../../../vision/images/shard.ts';
import { type FakeRun, runStage, temporaryFolder } from '../../support/fake-task.ts';
import { writeTar } from '../../vision/images/tars.ts';

/** A picture with something in it, so that a file cut short misses some. */
function picture(width: number, height: number, seed: number, format: 'jpeg' | 'png' | 'webp' = 'jpeg') {
  const data = Uint8Array.from(
    { length: width * height * 3 },
    (_, i) => (i * (seed + 31) + (i >> 4) * 7) % 256,
  );
  return sharp(data, { raw: { width, height, channels: 3 } })
    .toFormat(format)
    .toBuffer();
}

/** A folder of `count` images in three classes. */
async function dataSet(count = 20): Promise<string> {
  const root = temporaryFolder();
  for (let i = 0; i < count; i++) {
    mkdirSync(join(root, `class ${i % 3}`), { recursive: true });
    const format = (['jpeg', 'png', 'webp'] as const)[i % 3]!;
    const name = `${i}.${format === 'jpeg' ? 'JPEG' : format}`;
    writeFileSync(join(root, `class ${i % 3}`, name), await picture(20 + i, 15 + (i % 5), i, format));
  }
  return root;
}

const index = (path: string | string[], params: object = {}) =>
  runStage(stage, { params: { shards: 4, ...params }, files: { path } });

/** The shards of a run, by name. */
async function shardsOf(run: FakeRun) {
  const names = readdirSync(run.folder).flatMap((name) => /^shards-(\d+)-images$/.exec(name)?.[1] ?? []);
  const shards = new Map<string, Awaited<ReturnType<typeof readImages>>>();
  for (const name of names.sort())
    shards.set(name, await readImages(run.listOutput('shards', name, 'images')));
  return shards;
}

const skippedOf = (run: FakeRun): unknown => JSON.parse(readFileSync(run.output('skipped'), 'utf8'));

async function refusal(run: Promise<unknown>): Promise<string> {
  const error = await run.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(isUserError(error), String(error)).toBe(true);
  expect((error as Error).message).not.toContain('\n');
  return (error as Error).message;
}

describe('the index', () => {
  test('holds every image once, in its shard, sorted, with digest, label and upright size', async () => {
    const root = await dataSet();
    const turned = await sharp(await picture(30, 10, 5))
      .withMetadata({ orientation: 6 })
      .toBuffer();
    writeFileSync(join(root, 'turned.jpg'), turned);
    const run = await index(root);
    const shards = await shardsOf(run);
    const seen: string[] = [];
    for (const [name, shard] of shards) {
      const places = await readPlaces(run.listOutput('shards', name, 'places'));
      expect([...shard.paths]).toEqual([...shard.paths].sort());
      for (const [row, path] of [...shard.paths].entries()) {
        seen.push(path);
        const bytes = readFileSync(join(root, path));
        const meta = await sharp(bytes).metadata();
        expect(shardOf(path, 4)).toBe(name);
        expect(shard.digests.at(row)).toBe(sha256(bytes));
        expect(shard.bytes[row]).toBe(bytes.length);
        expect(shard.labels.at(row)).toBe(path === 'turned.jpg' ? null : path.split('/')[0]);
        expect([shard.widths[row], shard.heights[row]]).toEqual([
          meta.autoOrient.width,
          meta.autoOrient.height,
        ]);
        expect(places.files.at(row)).toBe(join(root, path));
      }
    }
    expect(seen).toHaveLength(21);
    expect(skippedOf(run)).toEqual([]);
    expect(run.warnings).toEqual([]);
  });

  test('is byte for byte the same a second time, and one more image changes one shard', async () => {
    const root = await dataSet();
    const before = await index(root);
    writeFileSync(join(root, 'class 1', 'new.png'), await picture(9, 9, 1, 'png'));
    const after = await index(root);
    const again = await index(root);
    const changed: string[] = [];
    for (const name of (await shardsOf(after)).keys()) {
      const bytesOf = (run: FakeRun) => {
        const path = run.listOutput('shards', name, 'images');
        return existsSync(path) ? sha256(readFileSync(path)) : undefined;
      };
      expect(bytesOf(after)).toBe(bytesOf(again));
      if (bytesOf(after) !== bytesOf(before)) changed.push(name);
    }
    expect(changed).toEqual([shardOf('class 1/new.png', 4)]);
  });

  test('writes no shard that would be empty', async () => {
    const root = await dataSet(3);
    const shards = await shardsOf(await index(root, { shards: 500 }));
    expect([...shards.values()].map(({ rows }) => rows).reduce((a, b) => a + b)).toBe(3);
    expect(shards.size).toBeLessThanOrEqual(3);
    for (const name of shards.keys()) expect(name).toMatch(/^\d{3}$/);
  });

  test('of tars: images are read from where they lie', async () => {
    const root = temporaryFolder();
    const [one, two] = [await picture(8, 9, 1), await picture(10, 7, 2, 'png')];
    const tar = await writeTar(join(root, 'a.tar'), [
      ['0.jpg', one],
      ['0.cls', '7'],
      ['1.png', two],
      ['1.cls', '3'],
    ]);
    const run = await index(tar, { shards: 1 });
    const shard = await openShard(
      run.listOutput('shards', '00', 'images'),
      run.listOutput('shards', '00', 'places'),
    );
    expect([...shard.paths]).toEqual(['a.tar/0.jpg', 'a.tar/1.png']);
    expect([...shard.labels]).toEqual(['7', '3']);
    expect(await shard.read(0)).toEqual(one);
    expect(await shard.read(1)).toEqual(two);
    await shard.close();
  });

  test('orientation ignored: sizes as stored', async () => {
    const root = temporaryFolder();
    writeFileSync(
      join(root, 'a.jpg'),
      await sharp(await picture(30, 10, 5))
        .withMetadata({ orientation: 8 })
        .toBuffer(),
    );
    const sizes = async (orientation: string) => {
      const [shard] = (await shardsOf(await index(root, { orientation, shards: 1 }))).values();
      return [shard!.widths[0], shard!.heights[0]];
    };
    expect(await sizes('apply')).toEqual([10, 30]);
    expect(await sizes('ignore')).toEqual([30, 10]);
  });
});

describe('images that can not be decoded', () => {
  /** A data set with five bad images, whose paths sort before, between and after the good ones. */
  async function damaged(): Promise<string> {
    const root = await dataSet(12);
    const whole = readFileSync(join(root, 'class 0/0.JPEG'));
    writeFileSync(join(root, 'class 0/cut.jpg'), whole.subarray(0, whole.length - 20));
    writeFileSync(join(root, 'class 1/empty.png'), '');
    writeFileSync(join(root, 'class 1/text.png'), 'just some words');
    mkdirSync(join(root, 'class 2/folder.png'));
    writeFileSync(join(root, 'z.bmp'), 'BM');
    return root;
  }

  test('stop: the first is named, nothing is written', async () => {
    const root = await damaged();
    const message = await refusal(index(root));
    expect(message).toMatch(/class 0\/cut\.jpg can't be decoded: the JPEG file is cut short.*on-error: skip/);
  });

  test('skip: all are left out and listed with the reason', async () => {
    const run = await index(await damaged(), { 'on-error': 'skip' });
    expect(skippedOf(run)).toEqual([
      { path: 'class 0/cut.jpg', reason: expect.stringContaining('cut short') },
      { path: 'class 1/empty.png', reason: 'the file is empty' },
      { path: 'class 1/text.png', reason: expect.stringContaining('not an image') },
      { path: 'z.bmp', reason: expect.stringContaining('BMP') },
    ]);
    const rows = [...(await shardsOf(run)).values()].flatMap(({ paths }) => [...paths]);
    expect(rows).toHaveLength(12);
    expect(run.warnings).toEqual([expect.stringMatching(/^4 images .*class 0\/cut\.jpg/)]);
  });

  test('a file that can not be opened counts as one', async () => {
    const root = await dataSet(3);
    symlinkSync('/nowhere', join(root, 'class 0/gone.jpg'));
    expect(await refusal(index(root))).toMatch(/gone\.jpg can't be .*ENOENT/);
    expect(skippedOf(await index(root, { 'on-error': 'skip' }))).toHaveLength(1);
  });

  test('a name that is not UTF-8 is told as such', async () => {
    const root = await dataSet(1);
    const bytes = readFileSync(join(root, 'class 0/0.JPEG'));
    writeFileSync(
      Buffer.concat([Buffer.from(`${root}/class 0/`), Buffer.from([0xe9]), Buffer.from('.jpg')]),
      bytes,
    );
    expect(await refusal(index(root))).toMatch(/name is not valid UTF-8/);
  });

  test('none that can be decoded is an error even with skip', async () => {
    const root = temporaryFolder();
    writeFileSync(join(root, 'a.png'), 'text');
    expect(await refusal(index(root, { 'on-error': 'skip' }))).toMatch(/None of the 1 images .*a\.png/);
  });
});

describe('data sets that are none', () => {
  test('without images', async () => {
    const root = temporaryFolder();
    expect(await refusal(index(root))).toMatch(/no images in the data set/);
    writeFileSync(join(root, 'notes.txt'), 'x');
    expect(await refusal(index(root))).toMatch(/1 other file, such as notes\.txt/);
  });

  test('a tar that is cut, or climbs out', async () => {
    const root = temporaryFolder();
    const path = await writeTar(join(root, 'a.tar'), [['0.jpg', await picture(50, 50, 1)]]);
    const whole = readFileSync(path);
    writeFileSync(path, whole.subarray(0, 900));
    expect(await refusal(index(path, { 'on-error': 'skip' }))).toMatch(/a\.tar is cut short: .*0\.jpg/);
    await writeTar(path, [[{ name: 'x', pax: { path: '../0.jpg' } }, 'x']]);
    expect(await refusal(index(path, { 'on-error': 'skip' }))).toMatch(/"\.\.\/0\.jpg"/);
  });

  test('files that are passed over are told', async () => {
    const root = await dataSet(2);
    writeFileSync(join(root, 'README'), 'x');
    expect((await index(root)).warnings).toEqual([expect.stringMatching(/^1 file .*README/)]);
  });
});

test('an image that changes after it was indexed is refused when it is read', async () => {
  const root = await dataSet(1);
  const run = await index(root, { shards: 1 });
  const shard = await openShard(
    run.listOutput('shards', '00', 'images'),
    run.listOutput('shards', '00', 'places'),
  );
  rmSync(join(root, 'class 0/0.JPEG'));
  appendFileSync(join(root, 'class 0/0.JPEG'), 'something else');
  expect(await refusal(shard.read(0))).toMatch(/class 0\/0\.JPEG changed since it was indexed/);
});
