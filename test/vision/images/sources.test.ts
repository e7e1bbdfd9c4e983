import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isUserError } from '../../../common/errors.ts';
import { type Format, type ListedImage, listImages } from '../../../vision/images/sources/index.ts';
import { temporaryFolder } from '../../support/fake-task.ts';
import { writeTar } from './tars.ts';

/** A new folder with files of these names (and contents). */
async function tree(files: readonly string[] | Record<string, string>): Promise<string> {
  const root = temporaryFolder();
  const entries = Array.isArray(files) ? files.map((name) => [name, 'x'] as const) : Object.entries(files);
  for (const [name, content] of entries) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), content);
  }
  return root;
}

async function list(
  paths: string | readonly string[],
  format: Format = 'auto',
  ignored: string[] = [],
  split?: string,
) {
  const found: ListedImage[] = [];
  const listener = { ignored: (path: string) => ignored.push(path) };
  const all = listImages([paths].flat(), { format, columns: {}, split }, listener);
  for await (const image of all) found.push(image);
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

const labels = (images: readonly ListedImage[]) => images.map(({ path, label }) => [path, label]);

async function refusal(listing: Promise<unknown>): Promise<string> {
  const error = await listing.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(isUserError(error), String(error)).toBe(true);
  return (error as Error).message;
}

describe('a folder of images by class', () => {
  test('the label is the first-level folder; images in the root have none', async () => {
    const root = await tree([
      'cat/1.jpg',
      'cat/deep/er/2.PNG',
      'dog/3.webp',
      '4.JPEG',
      'dog/notes.txt',
      'README',
    ]);
    const ignored: string[] = [];
    expect(labels(await list(root, 'auto', ignored))).toEqual([
      ['4.JPEG', null],
      ['cat/1.jpg', 'cat'],
      ['cat/deep/er/2.PNG', 'cat'],
      ['dog/3.webp', 'dog'],
    ]);
    expect(ignored.sort()).toEqual(['README', 'dog/notes.txt']);
  });

  test('a folder may be named like an image, and names may hold anything', async () => {
    const names = ['x.png/a.jpg', 'new\nline/"quoted" \\ back.jpg', '…/ü 文.jpg', ' /{0..1}*.png'];
    const root = await tree(names);
    const found = await list(root);
    expect(found.map(({ path }) => path).sort()).toEqual([...names].sort());
    expect(found.map(({ file }) => file)).toContain(join(root, 'x.png/a.jpg'));
  });

  test('links are followed; a link to nowhere is listed, so that reading it fails by name', async () => {
    const other = await tree(['a/1.jpg']);
    const root = await tree(['c/2.jpg']);
    await symlink(join(other, 'a'), join(root, 'linked'));
    await symlink(join(other, 'a/1.jpg'), join(root, 'c/single.jpg'));
    await symlink('/nowhere', join(root, 'c/gone.jpg'));
    expect(labels(await list(root))).toEqual([
      ['c/2.jpg', 'c'],
      ['c/gone.jpg', 'c'],
      ['c/single.jpg', 'c'],
      ['linked/1.jpg', 'linked'],
    ]);
  });

  test('a link back up is refused', async () => {
    const root = await tree(['c/2.jpg']);
    await symlink(root, join(root, 'c/again'));
    expect(await refusal(list(root))).toMatch(/again is a link to a folder that it lies in/);
  });

  test('a folder that can not be read', async (context) => {
    if (process.getuid?.() === 0) return context.skip();
    const root = await tree(['c/2.jpg']);
    await chmod(join(root, 'c'), 0);
    expect(await refusal(list(root))).toMatch(/EACCES/);
  });

  test('several folders are told apart by their names, or by more where these are the same', async () => {
    const root = await tree(['train/a/1.jpg', 'val/a/1.jpg', 'x/set/b/1.jpg', 'y/set/b/1.jpg']);
    expect(labels(await list([join(root, 'train'), join(root, 'val')]))).toEqual([
      ['train/a/1.jpg', 'a'],
      ['val/a/1.jpg', 'a'],
    ]);
    expect(labels(await list([join(root, 'x/set'), join(root, 'y/set')]))).toEqual([
      ['x/set/b/1.jpg', 'b'],
      ['y/set/b/1.jpg', 'b'],
    ]);
  });

  test('single images, as a glob gives them', async () => {
    const root = await tree(['a/1.jpg', 'b/2.png']);
    const found = await list([join(root, 'a/1.jpg'), join(root, 'b/2.png'), join(root, 'a/1.jpg')]);
    expect(labels(found)).toEqual([
      ['1.jpg', null],
      ['2.png', null],
    ]);
  });
});

describe('WebDataset tars', () => {
  test('members of one key belong together; labels come from .cls, else .json, else .txt', async () => {
    const root = temporaryFolder();
    const path = await writeTar(join(root, 'set-000.tar'), [
      ['a/0001.jpg', 'IMAGE'],
      ['a/0001.cls', '3\n'],
      ['a/0001.json', '{"label": 9}'],
      ['0002.txt', 'dog'],
      ['0002.PNG', 'X'],
      ['0003.json', '{"label": "cat", "more": [1]}'],
      ['0003.webp', 'Y'],
      ['0004.seg.png', 'not the image of a sample'],
      ['0004.jpg', 'Z'],
      ['.hidden.jpg', 'no key'],
    ]);
    const ignored: string[] = [];
    const found = await list(path, 'auto', ignored);
    expect(labels(found)).toEqual([
      ['set-000.tar/0002.PNG', 'dog'],
      ['set-000.tar/0003.webp', 'cat'],
      ['set-000.tar/0004.jpg', null],
      ['set-000.tar/a/0001.jpg', '3'],
    ]);
    expect(found[3]).toMatchObject({ file: path, offset: 512, bytes: 5 });
    expect(ignored).toEqual(['set-000.tar/0004.seg.png', 'set-000.tar/.hidden.jpg']);
  });

  test('a list of tars, and a folder of them', async () => {
    const root = temporaryFolder();
    for (const name of ['b.tar', 'a.tar']) await writeTar(join(root, name), [['1.jpg', 'x']]);
    await writeFile(join(root, 'README.md'), 'about');
    const wanted = ['a.tar/1.jpg', 'b.tar/1.jpg'];
    expect((await list([join(root, 'b.tar'), join(root, 'a.tar')])).map(({ path }) => path)).toEqual(wanted);
    expect((await list(root)).map(({ path }) => path)).toEqual(wanted);
    await mkdir(join(root, 'class'));
    await writeFile(join(root, 'class/1.jpg'), 'x');
    expect((await list(root)).map(({ path }) => path)).toEqual(['class/1.jpg']);
    expect((await list(root, 'webdataset')).map(({ path }) => path)).toEqual(wanted);
  });

  test('two tars of one name are told apart by their folders', async () => {
    const root = await tree(['x/keep', 'y/keep']);
    const paths = [join(root, 'x/s.tar'), join(root, 'y/s.tar')];
    for (const path of paths) await writeTar(path, [['1.jpg', 'x']]);
    expect((await list(paths)).map(({ path }) => path)).toEqual(['x/s.tar/1.jpg', 'y/s.tar/1.jpg']);
  });

  test('broken labels and doubled names are refused by tar and member', async () => {
    const root = temporaryFolder();
    const broken = await writeTar(join(root, 'a.tar'), [['1.json', '{label']]);
    expect(await refusal(list(broken))).toMatch(/a\.tar .*"1\.json" is not JSON/);
    const doubled = await writeTar(join(root, 'b.tar'), [
      ['1.jpg', 'a'],
      ['./1.jpg', 'b'],
    ]);
    expect(await refusal(list(doubled))).toMatch(/b\.tar has two members named "1\.jpg"/);
  });
});

test('what is no data set is refused by name', async () => {
  const root = await tree({ 'a.txt': 'x', 'b/1.jpg': 'x' });
  expect(await refusal(list(join(root, 'absent')))).toMatch(/absent doesn't exist/);
  expect(await refusal(list(join(root, 'a.txt')))).toMatch(/a\.txt is no data set/);
  expect(await refusal(list(join(root, 'b'), 'webdataset'))).toMatch(/no \.tar file/);
});
