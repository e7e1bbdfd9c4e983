import { mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { listingDigest } from '../../engine/plan/listing.ts';
import { temporaryFolder } from '../support/fake-task.ts';

/** A folder of 300 files in three folders, more than are looked at together. */
function folder(): string {
  const root = temporaryFolder();
  for (let i = 0; i < 300; i++) {
    mkdirSync(join(root, `${i % 3}/deep`), { recursive: true });
    writeFileSync(join(root, `${i % 3}/deep/${i}.txt`), `${i}`);
  }
  return root;
}

test('tells every change of a name, a size or a time, and no other', async () => {
  const root = folder();
  const digests = [await listingDigest([root])];
  expect(await listingDigest([root])).toBe(digests[0]);
  const change = async (how: () => void) => {
    how();
    const digest = await listingDigest([root]);
    expect(digests).not.toContain(digest);
    digests.push(digest);
  };
  await change(() => writeFileSync(join(root, '1/deep/new.txt'), ''));
  await change(() => writeFileSync(join(root, '1/deep/4.txt'), 'longer'));
  await change(() => utimesSync(join(root, '2/deep/5.txt'), 1e9, 1e9));
  await change(() => rmSync(join(root, '0/deep/0.txt')));
  await change(() => symlinkSync('/nowhere', join(root, 'gone')));
  await change(() => symlinkSync(root, join(root, '0/again')));
});

test('the order of the paths does not count, nor one that is given twice; another place does', async () => {
  const [one, two] = [folder(), folder()];
  expect(await listingDigest([one, two, one])).toBe(await listingDigest([two, one]));
  expect(await listingDigest([one])).not.toBe(await listingDigest([two]));
  expect(await listingDigest([join(one, 'absent')])).not.toBe(await listingDigest([join(one, 'missing')]));
});
