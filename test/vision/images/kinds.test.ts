import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isUserError } from '../../../common/errors.ts';
import {
  type ClassName,
  filesInList,
  type ListedImage,
  listImages,
  type Source,
} from '../../../vision/images/sources/index.ts';
import { temporaryFolder } from '../../support/fake-task.ts';
import { INSTALL, pythonWith, runPython } from '../../support/python.ts';
import { writeTar } from './tars.ts';

/** A new folder with files of these names and contents. */
async function tree(files: Record<string, string> | readonly string[]): Promise<string> {
  const root = temporaryFolder();
  const entries = Array.isArray(files) ? files.map((name) => [name, 'x'] as const) : Object.entries(files);
  for (const [name, content] of entries) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), content);
  }
  return root;
}

interface Listed {
  readonly labels: Record<string, string | null>;
  readonly images: ListedImage[];
  readonly classes: readonly ClassName[] | undefined;
  readonly warnings: string[];
}

async function list(paths: string | string[], source: Partial<Source> = {}): Promise<Listed> {
  const images: ListedImage[] = [];
  const warnings: string[] = [];
  let classes: readonly ClassName[] | undefined;
  const listener = {
    classes: (found: readonly ClassName[]) => {
      classes ??= found;
    },
    warn: (message: string) => warnings.push(message),
  };
  for await (const image of listImages([paths].flat(), { format: 'auto', columns: {}, ...source }, listener))
    images.push(image);
  images.sort((a, b) => (a.path < b.path ? -1 : 1));
  return {
    images,
    classes,
    warnings,
    labels: Object.fromEntries(images.map(({ path, label }) => [path, label])),
  };
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(isUserError(error), String((error as Error)?.stack)).toBe(true);
  expect((error as Error).message).not.toContain('\n');
  return (error as Error).message;
}

describe('lists of paths', () => {
  test('CSV: quotes, blanks, absolute paths, labels of any name', async () => {
    const other = await tree(['far/z.png']);
    const root = await tree({
      'set.csv': `\uFEFFid,Path,Class\r\n1,a/1.jpg,cat\r\n2,"b, ""c""/2.jpg",\r\n\r\n3,./a/../a/3.jpg,"dog\nx"\r\n4,${other}/far/z.png,7`,
    });
    const { labels, images } = await list(join(root, 'set.csv'));
    expect(labels).toEqual({
      'a/1.jpg': 'cat',
      'a/3.jpg': 'dog\nx',
      'b, "c"/2.jpg': null,
      [`${other.slice(1)}/far/z.png`]: '7',
    });
    expect(images.map(({ file }) => file)).toContain(join(root, 'a/3.jpg'));
    expect((await filesInList(join(root, 'set.csv'))).sort()).toEqual(images.map(({ file }) => file).sort());
  });

  test('TSV, columns by name, several lists', async () => {
    const root = await tree({ 'one.tsv': 'x\tfile_name\ty\n5\t1.png\ta\n', 'two.csv': 'x,where\ny,2.png\n' });
    expect((await list(join(root, 'one.tsv'))).labels).toEqual({ '1.png': null });
    expect((await list(join(root, 'one.tsv'), { columns: { label: 'y' } })).labels).toEqual({ '1.png': 'a' });
    expect((await list(join(root, 'two.csv'), { columns: { image: 'where', label: 'x' } })).labels).toEqual({
      '2.png': 'y',
    });
    const both = await list([join(root, 'one.tsv'), join(root, 'one.tsv')]);
    expect(both.images).toHaveLength(1);
  });

  test('are refused by name when no column holds paths, a path is missing, or a quote never ends', async () => {
    const root = await tree({ 'a.csv': 'x,y\n1,2\n', 'b.csv': 'path,label\n,3\n', 'c.csv': 'path\n"a' });
    expect(await refusal(list(join(root, 'a.csv')))).toMatch(/a\.csv has no column of paths .*"x", "y"/);
    expect(await refusal(list(join(root, 'b.csv')))).toMatch(/b\.csv record 2 has no path/);
    expect(await refusal(list(join(root, 'c.csv')))).toMatch(/c\.csv a quote in record 2 never ends/);
    expect(await refusal(list(root, { format: 'list' }))).toMatch(/is a folder/);
  });
});

describe('splits', () => {
  test('a folder of folders', async () => {
    const root = await tree(['train/a/1.jpg', 'validation/a/2.jpg', 'validation/b/3.jpg']);
    expect((await list(root, { split: 'val' })).labels).toEqual({ 'a/2.jpg': 'a', 'b/3.jpg': 'b' });
    expect(await refusal(list(root))).toMatch(/several splits \(train, validation\).*dataset\.split/);
    expect(await refusal(list(root, { split: 'test' }))).toMatch(
      /no split "test": it holds train, validation/,
    );
    expect((await list(root, { format: 'folder' })).labels).toEqual({
      'train/a/1.jpg': 'train',
      'validation/a/2.jpg': 'validation',
      'validation/b/3.jpg': 'validation',
    });
  });

  test('tars and their folders, told by their names', async () => {
    const root = await tree({ 'data/keep.md': 'x' });
    for (const name of ['set-train-000.tar', 'set-train-001.tar', 'set-val-000.tar', 'data/set-test-0.tar'])
      await writeTar(join(root, name), [['1.jpg', 'x']]);
    expect(Object.keys((await list(root, { split: 'train' })).labels)).toEqual([
      'set-train-000.tar/1.jpg',
      'set-train-001.tar/1.jpg',
    ]);
    expect(Object.keys((await list(root, { split: 'test' })).labels)).toEqual(['set-test-0.tar/1.jpg']);
    expect(await refusal(list(root))).toMatch(/several splits \(test, train, val\)/);
    const given = ['set-train-000.tar', 'set-val-000.tar'].map((name) => join(root, name));
    expect(Object.keys((await list(given, { split: 'val' })).labels)).toEqual(['set-val-000.tar/1.jpg']);
    expect(await refusal(list(given, { split: 'test' }))).toMatch(/no split "test": it holds train, val/);
  });

  test('a folder of classes beside its splits keeps its classes', async () => {
    const root = await tree(['train/1.jpg', 'plane/2.jpg']);
    expect((await list(root)).labels).toEqual({ 'plane/2.jpg': 'plane', 'train/1.jpg': 'train' });
  });
});

describe("ImageNet's own layout", () => {
  const flat = (number: number) => `ILSVRC2012_val_${String(number).padStart(8, '0')}.JPEG`;
  const synsets = 'n01440764 tench, Tinca tinca\nn01443537 goldfish, Carassius auratus\nn02119789 kit fox\n';

  test("Kaggle's archive: synsets as labels, the ground truth of the flat validation folder, class names", async () => {
    const base = 'ILSVRC/Data/CLS-LOC';
    const root = await tree({
      [`${base}/train/n01440764/n01440764_1.JPEG`]: 'x',
      [`${base}/train/n02119789/n02119789_7.JPEG`]: 'x',
      [`${base}/val/${flat(1)}`]: 'x',
      [`${base}/val/${flat(2)}`]: 'x',
      [`${base}/val/${flat(3)}`]: 'x',
      [`${base}/test/ILSVRC2012_test_00000001.JPEG`]: 'x',
      'LOC_synset_mapping.txt': synsets,
      'LOC_val_solution.csv': `ImageId,PredictionString\nILSVRC2012_val_00000001,n02119789 85 1 499 272 \nILSVRC2012_val_00000002,n01440764 1 2 3 4 n01440764 5 6 7 8\n`,
    });
    const classes = [
      { label: 'n01440764', name: 'tench, Tinca tinca' },
      { label: 'n01443537', name: 'goldfish, Carassius auratus' },
      { label: 'n02119789', name: 'kit fox' },
    ];
    const train = await list(root, { split: 'train' });
    expect(train.labels).toEqual({
      'n01440764/n01440764_1.JPEG': 'n01440764',
      'n02119789/n02119789_7.JPEG': 'n02119789',
    });
    expect(train.classes).toEqual(classes);
    const val = await list(root, { split: 'val' });
    expect(val.labels).toEqual({ [flat(1)]: 'n02119789', [flat(2)]: 'n01440764', [flat(3)]: null });
    expect(val.classes).toEqual(classes);
    expect(val.warnings).toEqual([expect.stringMatching(/1 image has no label.*00000003.*does not name/)]);
    expect(await refusal(list(root))).toMatch(/several splits \(test, train, val\)/);
  });

  test('without ground truth: told, or refused where it must be there; given by `labels`', async () => {
    const root = await tree({
      [flat(1)]: 'x',
      [flat(2)]: 'x',
      'else/val.txt': `${flat(1)} 65\n${flat(2)} 970\n`,
    });
    const none = await list(root);
    expect(none.labels).toEqual({ [flat(1)]: null, [flat(2)]: null });
    expect(none.warnings).toEqual([expect.stringMatching(/2 images have no label.*LOC_val_solution/)]);
    expect(await refusal(list(root, { format: 'imagenet' }))).toMatch(/ground truth is missing/);
    const given = await list(root, { format: 'imagenet', labels: join(root, 'else/val.txt') });
    expect(given.labels).toEqual({ [flat(1)]: '65', [flat(2)]: '970' });
    expect(given.classes).toBe(undefined);
  });

  test('labels of any folder can come from a file', async () => {
    const root = await tree(['x/a.jpg', 'b.png']);
    const file = join(await tree({ 'labels.csv': 'image,label\na,cat\nb.png,dog\n' }), 'labels.csv');
    expect((await list(root, { labels: file })).labels).toEqual({ 'b.png': 'dog', 'x/a.jpg': 'cat' });
    const wrong = join(await tree({ 'labels.txt': 'a b c\n' }), 'labels.txt');
    expect(await refusal(list(root, { labels: wrong }))).toMatch(/labels\.txt can't be understood: line 1/);
    const columns = join(await tree({ 'labels.csv': 'image,what\na,cat\n' }), 'labels.csv');
    expect(await refusal(list(root, { labels: columns }))).toMatch(/no column named "label"/);
  });

  const python = pythonWith('scipy', 'numpy');
  describe.skipIf(!python)(`development kit (${INSTALL})`, () => {
    /** A `meta.mat` as SciPy writes it: like the kit's own, a structure array with texts and numbers of several types. */
    const KIT = `
import json, sys
import numpy as np
from scipy.io import savemat
asked = json.load(sys.stdin)
rows = [(1, "n02119789", "kit fox, Vulpes macrotis", "small gray fox", 0, np.zeros((1, 0)), 0, 1300),
        (2, "n01443537", "goldfish", "small golden fish", 0, np.zeros((1, 0)), 0, 900),
        (3, "n01440764", "tench, Tinca tinca", "freshwater fish", 0, np.zeros((1, 0)), 0, 1300),
        (1001, "n00001740", "entity", "that which is", 2, np.array([[70000, 2]]), 19, 0)]
names = ["ILSVRC2012_ID", "WNID", "words", "gloss", "num_children", "children", "wordnet_height", "num_train_images"]
table = np.zeros((len(rows), 1), dtype=[(name, object) for name in names])
for i, row in enumerate(rows):
    table[i, 0] = tuple(np.array([[value]], dtype=np.uint16 if name == "num_train_images" else float)
                        if isinstance(value, int) else value for name, value in zip(names, row))
savemat(asked["file"], {"other": np.arange(3.0), "synsets": table}, do_compression=asked["compressed"])
print("null")
`;
    test.each([true, false])(
      'its numbers are not those of the sorted synsets (compressed: %s)',
      async (compressed) => {
        const root = await tree({
          [`val/${flat(1)}`]: 'x',
          [`val/${flat(2)}`]: 'x',
          [`val/${flat(3)}`]: 'x',
          'ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt': '3\n1\n2\n',
        });
        const file = join(root, 'ILSVRC2012_devkit_t12/data/meta.mat');
        expect(await refusal(list(root, { split: 'val' }))).toMatch(/meta\.mat.*must lie beside/);
        await writeFile(file, 'something else');
        expect(await refusal(list(root, { split: 'val' }))).toMatch(/is not the meta\.mat/);
        runPython(python!, KIT, { file, compressed });
        expect((await list(root, { split: 'val' })).labels).toEqual({
          [flat(1)]: 'n01440764',
          [flat(2)]: 'n02119789',
          [flat(3)]: 'n01443537',
        });
      },
    );
  });
});
