import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { putBack } from '../../cache/files.ts';
import type { Lock } from '../../cache/store.ts';
import { filesBelow, newStore, temporaryFolder } from './support.ts';

vi.mock('node:fs/promises', async (original) => ({
  ...(await original<typeof import('node:fs/promises')>()),
  link: async () => {
    throw Object.assign(new Error('EPERM: operation not permitted, link'), { code: 'EPERM' });
  },
}));

describe('a file system without hard links', () => {
  it('locks by exclusive creation', async () => {
    const store = await newStore();
    const lock = (await store.lock('k')) as Lock;
    expect(await store.lock('k')).toMatchObject({ heldBy: { pid: process.pid } });
    const both = await Promise.all([store.lock('a'), store.lock('a')]);
    expect(both.filter((got) => 'heldBy' in got)).toHaveLength(1);
    await lock.release();
    expect('heldBy' in (await store.lock('k'))).toBe(false);
  });

  it('moves files back by renaming', async () => {
    const dir = await temporaryFolder();
    await writeFile(join(dir, 'aside'), 'text');
    await putBack(join(dir, 'aside'), join(dir, 'place'));
    expect(await filesBelow(dir)).toEqual({ place: 'text' });
  });
});
