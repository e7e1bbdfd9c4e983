import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../faults/graphs.ts';
import { recordsOf, tornBlobs } from '../faults/results.ts';
import {
  afterwards,
  calmResult,
  expectGoesOn,
  expectParagraph,
  temporaryFolder,
  toy,
} from '../faults/support.ts';

const NOBODY = 65534;

/** A small file system of its own; undefined where mounting isn't permitted. */
function smallDisk(bytes: number): string | undefined {
  const dir = temporaryFolder();
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=755`, 'tmpfs', dir]).status !== 0)
    return undefined;
  afterwards(() => spawnSync('umount', ['-l', dir]));
  return dir;
}

const NO_MOUNT = 'mounting a small file system is not permitted';

describe('a disk that is full', () => {
  it.for([0, 8, 32, 64, 128])(
    'with %i KiB left when the run begins: a paragraph; with space again it goes on',
    { timeout: 120_000 },
    async (kib, context) => {
      const disk = smallDisk(1 << 20);
      if (!disk) return context.skip(NO_MOUNT);
      const place = toy(join(disk, 'store'));
      const wanted = await calmResult(place);
      const ballast = join(disk, 'ballast');
      writeFileSync(ballast, Buffer.alloc((1 << 20) - 8192 - kib * 1024));
      const ended = await place.run();
      expectParagraph(ended, /No space is left \(or the quota is used up\)/);
      expect([...recordsOf(place.store).torn, ...tornBlobs(place.store)]).toEqual([]);
      rmSync(ballast);
      await expectGoesOn(place, wanted);
    },
  );
});

describe('writes that fail below the store', () => {
  it.each([1, 4, 8, 16])(
    'with files limited to %i blocks of 512 bytes: a paragraph; without the limit it goes on',
    async (blocks) => {
      const place = toy();
      const wanted = await calmResult(place);
      const ended = await place.run({ before: `ulimit -f ${blocks}` });
      expectParagraph(ended, /would become larger than this process may write/);
      expect([...recordsOf(place.store).torn, ...tornBlobs(place.store)]).toEqual([]);
      await expectGoesOn(place, wanted);
    },
    120_000,
  );
});

describe('a store that may not be written', () => {
  it('on a read-only file system: a paragraph; writable again it goes on', async (context) => {
    const disk = smallDisk(2 << 20);
    if (!disk) return context.skip(NO_MOUNT);
    const place = toy(join(disk, 'store'));
    const wanted = await calmResult(place);
    await expectGoesOn(place, wanted);
    if (spawnSync('mount', ['-o', 'remount,ro', disk]).status !== 0)
      return context.skip('remounting is not permitted');
    const ended = await place.run();
    expectParagraph(ended, /read-only file system\. Mount it writable, or choose another place/);
    execFileSync('mount', ['-o', 'remount,rw', disk]);
    await expectGoesOn(place, wanted);
  });

  it('by this user: a paragraph', async (context) => {
    const why = whyNoOtherUser();
    if (why) return context.skip(why);
    const place = toy();
    const wanted = await calmResult(place);
    await expectGoesOn(place, wanted);
    for (let dir = place.graph.dir; dir !== tmpdir() && dir !== '/'; dir = join(dir, '..'))
      chmodSync(dir, 0o755);
    const ended = await place.run({ uid: NOBODY });
    expectParagraph(ended, /No permission for .* Make it readable and writable for this user/);
    await expectGoesOn(place, wanted);
  });
});

/** Why no process of another user can be started here; undefined when it can. */
function whyNoOtherUser(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root can start a process of another user';
  const seen = spawnSync(process.execPath, ['-e', `require('fs').readdirSync(${JSON.stringify(ROOT)})`], {
    uid: NOBODY,
  });
  return seen.status === 0 ? undefined : 'the repository is not readable for another user';
}
