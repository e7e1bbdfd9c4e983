import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { planAndRun } from '../support/plan-and-run.ts';
import type { JsonRun } from '../support/project.ts';
import { type SmallProject, smallProject } from '../support/small.ts';
import { writeTar } from '../support/tar.ts';

let project: SmallProject;
beforeAll(async () => {
  project = await smallProject();
}, 120_000);

const of = (run: JsonRun, stage: string) => run.tasks('ran').filter((task) => task.startsWith(`${stage} `));

/** The shards of which an image was added or changed ran, and no others, in each stage that runs over shards. */
function expectShards(run: JsonRun, count: number) {
  const shards = of(run, 'cache-activations').map((task) => task.slice(-2));
  expect(shards).toHaveLength(count);
  expect(of(run, 'embed-images').map((task) => task.slice(-2))).toEqual(shards);
}

describe('images in a folder', { timeout: 120_000 }, () => {
  const added = 'small/images/cat/zz.png';
  const run = () => planAndRun(project, ...project.config);
  const someImage = () => {
    const folder = project.path('small/images/dog');
    return join(folder, readdirSync(folder).sort()[3]!);
  };
  beforeAll(async () => {
    expect((await project.run(...project.config)).end).toMatchObject({ hit: 0, failed: 0 });
  }, 120_000);

  test('touched: the data set is indexed again, and nothing after it', async () => {
    utimesSync(someImage(), 1e9, 1e9);
    expect((await run()).tasks('ran')).toEqual(['index-dataset']);
  });

  test('one more: one shard of each model and encoder, and what follows', async () => {
    const brighter = await sharp(someImage()).linear(1.1, 5).png().toBuffer();
    project.write(added, brighter);
    expectShards(await run(), 1);
    const { stdout } = await project.mis('why', 'embed-images', ...project.config);
    expect(stdout).toMatch(
      /1 task ran in .*\(encoder=simclr shard=\d\d\), because\s+input images from index-dataset/,
    );
    expect(stdout).toMatch(/index-dataset:\s+file dataset\.path \(.*images\): [0-9a-f]{12} → [0-9a-f]{12}\n/);
  });

  test('taken away again: what is in the store is found', async () => {
    rmSync(project.path(added));
    const again = await run();
    expect(again.tasks('ran')).toEqual([]);
    expect(again.end.ran).toBe(0);
  });

  test('a file that is no image by its name: the index, and nothing after it', async () => {
    project.write('small/images/cat/notes.txt', 'a cat');
    const again = await run();
    expect(again.tasks('ran')).toEqual(['index-dataset']);
    expect(again.events).toContainEqual(
      expect.objectContaining({ event: 'warning', stage: 'index-dataset' }),
    );
  });
});

describe('images in a tar', { timeout: 120_000 }, () => {
  const config = ['-c', 'small/tar.yaml'];
  const run = () => planAndRun(project, ...config);
  let members: [string, Buffer][];
  let before: string[];
  const writeMembers = (all: readonly (readonly [string, Buffer])[]) =>
    project.write('small/images.tar', writeTar(all));
  const place = async () => {
    const found = await project.paths('index-dataset', 'shards.places', ...config);
    return found.map(({ path }) => createHash('sha256').update(readFileSync(path)).digest('hex'));
  };

  beforeAll(async () => {
    const images = project.path('small/images');
    members = readdirSync(images, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.name.endsWith('.png') && entry.parentPath !== images)
      .map((entry): [string, Buffer] => [entry.name, readFileSync(join(entry.parentPath, entry.name))])
      .sort()
      .slice(0, 200);
    writeMembers(members);
    project.write(
      'small/tar.yaml',
      'extends: config.yaml\ndataset: { path: images.tar, format: webdataset }\nencoders: [../configs/encoders/simclr.yaml]\n',
    );
    expect((await project.run(...config)).end).toMatchObject({ failed: 0, blocked: 0 });
    before = await place();
  }, 120_000);
  afterEach(() => writeMembers(members));

  test('one appended: one shard of each model and encoder', async () => {
    writeMembers([...members, ['zz.png', members[7]![1]]]);
    expectShards(await run(), 1);
  });

  test('one put in front: the same, though every image lies elsewhere', async () => {
    writeMembers([['00.png', members[9]![1]], ...members]);
    expectShards(await run(), 1);
    const after = await place();
    expect(after.filter((digest) => before.includes(digest))).toEqual([]);
  });

  test('members in another order: the index, and nothing after it', async () => {
    writeMembers([...members].reverse());
    expect((await run()).tasks('ran')).toEqual(['index-dataset']);
  });
});
