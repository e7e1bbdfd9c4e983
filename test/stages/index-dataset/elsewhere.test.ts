import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { fetchSources, forgetSources } from '../../../cache/sources/fetch.ts';
import stage from '../../../stages/index-dataset/index.ts';
import { openShard } from '../../../vision/images/shard.ts';
import { type HubServer, startHub } from '../../cache/sources/hub-server.ts';
import { runStage, temporaryFolder } from '../../support/fake-task.ts';
import { writeTar } from '../../support/tar.ts';

const NAMES = ['photos-000.tar', 'photos-001.tar'];
let hub: HubServer;
let tars: Record<string, Buffer>;

async function tarOf(first: number): Promise<Buffer> {
  const members: [string, Buffer][] = [];
  for (let i = first; i < first + 4; i++) {
    const background = { r: 40 * i, g: 9, b: 7 };
    const picture = sharp({ create: { width: 4 + i, height: 5, channels: 3, background } });
    members.push([`${i}.png`, await picture.png().toBuffer()], [`${i}.cls`, Buffer.from(`${i % 3}`)]);
  }
  return writeTar(members);
}

beforeEach(async () => {
  tars = { [NAMES[0]!]: await tarOf(0), [NAMES[1]!]: await tarOf(4) };
  hub = await startHub({
    'datasets/lab/photos': { commit: 'c0ffee'.padEnd(40, '0'), branches: ['main'], files: tars },
  });
});
afterEach(() => hub.close());

async function fetched(place: string): Promise<string[]> {
  forgetSources();
  const cache = temporaryFolder();
  const env = {
    HF_ENDPOINT: hub.url,
    HF_HUB_CACHE: cache,
    HF_TOKEN_PATH: join(cache, 'none'),
    MIS_CACHE: cache,
  };
  const patience = { attempts: 2, waitMs: 1, silenceMs: 2000 };
  const sources = NAMES.map((name) => `${place}/${name}`);
  return (await fetchSources(sources, { env, patience, remember: true })).map(({ path }) => path);
}

/** The index of each shard, byte by byte, and the shards' images, read from where they lie. */
async function indexed(path: string[]) {
  const run = await runStage(stage, { params: { shards: 2 }, files: { path } });
  const shards = await Promise.all(
    ['00', '01'].map(async (name) => {
      const images = run.listOutput('shards', name, 'images');
      const shard = await openShard(images, run.listOutput('shards', name, 'places'));
      const pictures = await Promise.all(Array.from(shard.paths, (_, row) => shard.read(row)));
      await shard.close();
      return { index: readFileSync(images).toString('base64'), paths: [...shard.paths], pictures };
    }),
  );
  return { shards, paths: shards.flatMap(({ paths }) => paths).sort() };
}

it('tars of the hub and of the web have the index of the same tars here', async () => {
  const folder = join(temporaryFolder(), 'photos');
  mkdirSync(folder);
  for (const name of NAMES) writeFileSync(join(folder, name), tars[name]!);
  const here = await indexed(NAMES.map((name) => join(folder, name)));
  expect(here.paths).toHaveLength(8);
  expect(here.paths[0]).toBe('photos-000.tar/0.png');
  expect(await indexed(await fetched('hf://datasets/lab/photos'))).toEqual(here);
  expect(await indexed(await fetched(`${hub.url}/datasets/lab/photos/resolve/main`))).toEqual(here);
});
