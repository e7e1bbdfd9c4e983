import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { flipped, overwrite, s3Server, type WebServer, webServer } from '../cache/remote-support.ts';
import { hashOf } from '../cache/support.ts';
import { blobs, type Ended, outcomes, type Project, project, tasksThat, until } from '../engine/support.ts';

/** Two machines, each with a store, and a place between them. */
interface World {
  readonly dir: string;
  readonly storeA: string;
  readonly storeB: string;
  a(...args: string[]): Promise<Ended>;
  b(...args: string[]): Promise<Ended>;
}

vi.setConfig({ testTimeout: 180_000 });

const before = { ...process.env };
afterEach(() => {
  for (const name of [
    'MIS_REMOTE',
    'MIS_TEST_PAUSE',
    'AWS_ENDPOINT_URL',
    'AWS_ACCESS_KEY_ID',
    'AWS_SECRET_ACCESS_KEY',
    'AWS_REGION',
  ])
    if (before[name] === undefined) delete process.env[name];
    else process.env[name] = before[name];
});

let toy: Project;
let worlds = 0;
beforeAll(async () => {
  toy = project('toy');
  process.env.MIS_REMOTE = 'none';
  expect((await toy.mis('run', '--store', toy.path('template'))).code).toBe(0);
  mkdirSync(toy.path('pushed'));
  process.env.MIS_REMOTE = toy.path('pushed');
  expect((await toy.mis('push', '--store', toy.path('template'))).code).toBe(0);
});

/** The toy graph was run on machine a, and pushed or not. */
async function world(pushed = true): Promise<World> {
  const name = (what: string) => `world-${worlds}/${what}`;
  worlds += 1;
  const [dir, storeA, storeB] = ['shared', 'store-a', 'store-b'].map((what) => toy.path(name(what))) as [
    string,
    string,
    string,
  ];
  mkdirSync(dir, { recursive: true });
  if (pushed) cpSync(toy.path('pushed'), dir, { recursive: true });
  cpSync(toy.path('template'), storeA, { recursive: true });
  process.env.MIS_REMOTE = dir;
  const on =
    (store: string) =>
    (...args: string[]) =>
      toy.mis(...args, '--store', store);
  return { dir, storeA, storeB, a: on(storeA), b: on(storeB) };
}

const hits = (ended: Ended) => Object.values(outcomes(ended)).filter((outcome) => outcome === 'hit').length;

/** What counts at the remote has all that it names: every blob has its digest, every record's blobs are there. */
function checkWhole(dir: string): { records: number; blobs: number } {
  const files = (folder: string) =>
    existsSync(join(dir, folder))
      ? readdirSync(join(dir, folder), { recursive: true, encoding: 'utf8' })
          .map((name) => join(dir, folder, name))
          .filter((path) => statSync(path).isFile())
      : [];
  for (const path of files('blobs')) expect(path.endsWith(hashOf(readFileSync(path)))).toBe(true);
  for (const path of files('records')) {
    const text = readFileSync(path, 'utf8');
    for (const [digest] of text.matchAll(/(?<="digest":")[0-9a-f]{64}(?=","kind")/g))
      expect(existsSync(join(dir, 'blobs', digest.slice(0, 2), digest))).toBe(true);
  }
  return { records: files('records').length, blobs: files('blobs').length };
}

describe('two machines and a folder', () => {
  it('one pushes; the other computes nothing, and has in the end the same bytes', async () => {
    const { a, b, storeA, storeB, dir } = await world(false);
    const pushed = await a('push');
    expect(pushed.stdout).toMatch(/^Pushed .*: 12 files \(\d+ B\), 10 results; 0 were there\.\n$/);
    expect(checkWhole(dir)).toEqual({ records: 10, blobs: 12 });
    const dry = await b('run', '--dry-run', '--json');
    expect(tasksThat('hit', dry)).toHaveLength(10);
    const run = await b('run', '--json');
    expect(run.events().at(-1)).toMatchObject({ hit: 10, ran: 0, failed: 0 });
    expect(run.stderr).toBe('');
    expect(Object.keys(await blobs(storeB)).length).toBeLessThan(12);
    const pulled = await b('pull');
    expect(pulled.stdout).toMatch(/^Pulled .* \d+ results?; \d+ were here\.\n$/);
    expect(await blobs(storeB)).toEqual(await blobs(storeA));
    rmSync(dir, { recursive: true });
    const alone = await b('run', '--json');
    expect(alone.events().at(-1)).toMatchObject({ hit: 10, ran: 0 });
    expect(alone.stderr).toBe('');
  });

  it('what changed is computed from files that come one by one', async () => {
    const { a, b, storeA, storeB } = await world();
    const run = await b('run', '--json', '--set', 'glue=x');
    expect(tasksThat('ran', run)).toEqual(['all', 'join voice=loud', 'join voice=shy']);
    const wanted = await a('run', '--json', '--set', 'glue=x');
    expect(wanted.code).toBe(0);
    expect(await blobs(storeA)).toMatchObject(await blobs(storeB));
    const path = await b('path', 'shout', 'loud', '--where', 'part=p0', '--where', 'voice=shy');
    expect(readFileSync(path.stdout.trim(), 'utf8')).not.toBe('');
  });

  it('flipped bytes at the remote: refused, and made here', async () => {
    const { a, b, storeA, storeB, dir } = await world();
    const wanted = await blobs(storeA);
    for (const digest of Object.keys(wanted)) {
      const path = join(dir, 'blobs', digest.slice(0, 2), digest);
      await overwrite(path, flipped(path));
    }
    const run = await b('run', '--json', '--set', 'final.glue=x');
    expect(run.code, run.stdout + run.stderr).toBe(0);
    expect(run.stderr).toMatch(/gave a file .* that isn't right/);
    expect(run.events().at(-1)).toMatchObject({ failed: 0 });
    expect((await b('run', '--json')).events().at(-1)).toMatchObject({ failed: 0, blocked: 0 });
    process.env.MIS_REMOTE = 'none';
    expect((await a('run', '--json', '--set', 'final.glue=x')).code).toBe(0);
    expect((await b('run', '--json')).events().at(-1)).toMatchObject({ failed: 0 });
    expect(await blobs(storeB)).toEqual(await blobs(storeA));
  });

  it('the setting of the store is used; without one, push says how to set it', async () => {
    const { a, dir } = await world();
    delete process.env.MIS_REMOTE;
    const none = await a('push');
    expect(none).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^mis: No remote is set\. .*mis remote PLACE/),
    });
    expect((await a('remote', dir)).stdout).toBe(`${dir}\n`);
    expect((await a('push')).code).toBe(0);
    expect((await a('remote', 'none')).stdout).toMatch(/^No remote/);
  });
});

describe('other places', () => {
  it('S3: push, read through, pull', async () => {
    const { a, b, storeA, storeB, dir } = await world(false);
    const server = await s3Server(dir);
    try {
      Object.assign(process.env, server.env, { MIS_REMOTE: 's3://team/project' });
      expect((await a('push')).stdout).toMatch(/to s3:\/\/team\/project: 12 files/);
      const run = await b('run', '--json');
      expect(run.events().at(-1)).toMatchObject({ hit: 10, ran: 0 });
      expect((await b('pull')).code).toBe(0);
      expect(await blobs(storeB)).toEqual(await blobs(storeA));
      process.env.AWS_ACCESS_KEY_ID = 'nobody';
      const denied = await a('push');
      expect(denied).toMatchObject({ code: 1, stderr: expect.stringContaining('AWS_ACCESS_KEY_ID') });
    } finally {
      await server.close();
    }
  });

  describe('a web server', () => {
    let it_: World;
    let server: WebServer;
    beforeEach(async () => {
      it_ = await world();
      server = await webServer(it_.dir);
      process.env.MIS_REMOTE = server.url;
    });
    afterEach(() => server.close());

    it('read through; a run with nothing to do asks nobody', async () => {
      const run = await it_.b('run', '--json');
      expect(run.events().at(-1)).toMatchObject({ hit: 10, ran: 0 });
      const asked = server.asked.length;
      expect((await it_.b('run', '--json')).events().at(-1)).toMatchObject({ hit: 10, ran: 0 });
      expect((await it_.a('run', '--json')).events().at(-1)).toMatchObject({ hit: 10, ran: 0 });
      await it_.b('status');
      expect(server.asked).toHaveLength(asked);
    });

    it.each([500, 401, 'cut', 'flip'] as const)(
      'answers with %s: the run does all itself, warned once a cause',
      async (fault) => {
        server.fault = () => fault;
        const run = await it_.b('run', '--json');
        expect(run.code).toBe(0);
        expect(run.events().at(-1)).toMatchObject({ hit: 0, ran: 10, failed: 0 });
        expect(run.stderr.match(/left alone from here on/g)).toHaveLength(1);
        expect(await blobs(it_.storeB)).toEqual(await blobs(it_.storeA));
      },
    );

    it('Ctrl-C while a file does not come: stops at once, and cleanly', async () => {
      server.fault = (path) => (path.includes('/blobs/') ? 'silence' : undefined);
      const run = toy.start('run', '--json', '--set', 'final.glue=x', '--store', it_.storeB);
      await until('a file is asked for', () => server.asked.some((line) => line.includes('/blobs/')));
      const stopped = Date.now();
      run.child.kill('SIGINT');
      expect((await run.ended).code).toBe(130);
      expect(Date.now() - stopped).toBeLessThan(8_000);
      server.fault = () => undefined;
      const again = await it_.b('run', '--json', '--set', 'final.glue=x');
      expect(tasksThat('ran', again)).toEqual(['all']);
    });

    it('goes away in the middle: what it promised is made here, through all stages', async () => {
      expect((await it_.b('run', '--json')).events().at(-1)).toMatchObject({ hit: 10 });
      server.fault = (path) => (path.includes('/blobs/') ? 404 : undefined);
      const run = await it_.b('run', '--json', '--set', 'final.glue=x');
      expect(run.code, run.stdout).toBe(0);
      expect(run.events().at(-1)).toMatchObject({ failed: 0, blocked: 0 });
      expect(outcomes(run).all).toBe('ran');
    });
  });
});

describe('kill -9', () => {
  async function killedAt(point: string, store: string, ...args: string[]): Promise<void> {
    process.env.MIS_TEST_PAUSE = point;
    const run = toy.start(...args, '--store', store);
    let said = '';
    run.child.stdout!.on('data', (data) => {
      said += data;
    });
    let ended = false;
    void run.ended.then(() => {
      ended = true;
    });
    await until(`${args[0]} is at ${point}`, () => said.includes(point) || ended);
    expect(said).toContain(point);
    run.child.kill('SIGKILL');
    await run.ended;
    delete process.env.MIS_TEST_PAUSE;
  }

  it.each(['remote:before-rename', 'push:blobs-sent', 'push:records-sent'])(
    'push at %s: the next one completes it',
    async (point) => {
      const it_ = await world(false);
      await killedAt(point, it_.storeA, 'push');
      checkWhole(it_.dir);
      expect((await it_.a('push')).code).toBe(0);
      expect(checkWhole(it_.dir)).toEqual({ records: 10, blobs: 12 });
      expect((await it_.b('run', '--json')).events().at(-1)).toMatchObject({ hit: 10, ran: 0 });
    },
  );

  it.each(['arrive:before-put', 'put:before-rename', 'pull:before-commit', 'commit:before', 'commit:after'])(
    'pull at %s: the next one completes it',
    async (point) => {
      const it_ = await world();
      await killedAt(point, it_.storeB, 'pull');
      checkWhole(it_.storeB);
      expect((await it_.b('pull')).code).toBe(0);
      expect(await blobs(it_.storeB)).toEqual(await blobs(it_.storeA));
      process.env.MIS_REMOTE = 'none';
      expect((await it_.b('run', '--json')).events().at(-1)).toMatchObject({ hit: 10, ran: 0 });
    },
  );

  it('push and read-through at random moments', async () => {
    const it_ = await world(false);
    for (let i = 0; i < 4; i++) {
      const push = toy.start('push', '--store', it_.storeA);
      setTimeout(() => push.child.kill('SIGKILL'), 150 + i * 90);
      await push.ended;
      checkWhole(it_.dir);
      const run = await it_.b('run', '--json', '--set', `final.glue="${i}"`);
      expect(run.events().at(-1)).toMatchObject({ failed: 0 });
      expect(run.code).toBe(0);
    }
    expect((await it_.a('push')).code).toBe(0);
    expect(hits(await it_.b('run', '--dry-run', '--json'))).toBe(10);
  });
});
