import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import parquet from 'parquetjs-lite';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { isUserError } from '../../../common/errors.ts';
import { parquetReader } from '../../../vision/images/parquet/reader.ts';
import {
  type ClassName,
  type ListedImage,
  listImages,
  type Source,
} from '../../../vision/images/sources/index.ts';
import { temporaryFolder } from '../../support/fake-task.ts';
import { huggingFace, runDuckDb, sqlText } from '../../support/write-parquet.ts';

const CLASSES = ['plane', 'car', 'bird'];
const COUNT = 5000;
const FEATURES = huggingFace({
  image: { _type: 'Image' },
  label: { names: CLASSES, _type: 'ClassLabel' },
});

let folder: string;
let pictures: Buffer[];

/** parquetjs-lite's own writer, as far as it is used here. */
const { ParquetWriter } = parquet as unknown as {
  ParquetWriter: {
    openFile(
      schema: unknown,
      file: string,
      options: { useDataPageV2: boolean },
    ): Promise<{
      setRowGroupSize(rows: number): void;
      appendRow(row: object): Promise<void>;
      close(): Promise<void>;
    }>;
  };
};

/** Files of the same 5,000 rows: 60 pictures over and over, so that dictionaries are of use. */
const VARIANTS = {
  snappy: 'COMPRESSION snappy, ROW_GROUP_SIZE 2048',
  plain: 'COMPRESSION uncompressed, ROW_GROUP_SIZE 2048',
  gzip: 'COMPRESSION gzip',
  brotli: 'COMPRESSION brotli',
  second: 'COMPRESSION snappy, ROW_GROUP_SIZE 2048, PARQUET_VERSION v2',
} as const;

beforeAll(async () => {
  folder = temporaryFolder();
  const loose = join(folder, 'loose');
  await mkdir(loose);
  pictures = await Promise.all(
    Array.from({ length: 60 }, (_, i) =>
      sharp({ create: { width: 9 + i, height: 7, channels: 3, background: { r: i, g: 3 * i, b: 99 } } })
        .png()
        .toBuffer(),
    ),
  );
  for (const [i, bytes] of pictures.entries())
    await writeFile(join(loose, `${String(i).padStart(2, '0')}.png`), bytes);
  await runDuckDb(
    `CREATE TABLE picture AS SELECT row_number() OVER (ORDER BY filename) - 1 AS i, content FROM read_blob(${sqlText(`${loose}/*.png`)})`,
    `CREATE TABLE rows AS SELECT r AS row, {'bytes': CASE WHEN r = 4321 THEN NULL ELSE content END,
      'path': 'images/n' || r || '.png'} AS image, CASE WHEN r % 10 = 9 THEN -1 ELSE r % 3 END AS label
      FROM range(${COUNT}) AS t(r) JOIN picture ON picture.i = (r * 7) % 60 ORDER BY r`,
    ...Object.entries(VARIANTS).map(
      ([name, options]) =>
        `COPY (SELECT image, label::BIGINT AS label FROM rows ORDER BY row) TO ${sqlText(join(folder, `${name}.parquet`))}
         (FORMAT parquet, ${options}, KV_METADATA {huggingface: ${sqlText(FEATURES)}})`,
    ),
    `COPY (SELECT image.path AS path, label % 2 = 0 AS even, 'c' || label AS class FROM rows LIMIT 9)
      TO ${sqlText(join(folder, 'list.parquet'))} (FORMAT parquet)`,
    `COPY (SELECT image.bytes AS jpg, label AS cls, 1 AS other FROM rows LIMIT 70)
      TO ${sqlText(join(folder, 'bytes.parquet'))} (FORMAT parquet)`,
    `COPY (SELECT 1 AS a, 'x' AS b) TO ${sqlText(join(folder, 'neither.parquet'))} (FORMAT parquet)`,
    `COPY (SELECT image FROM rows LIMIT 5) TO ${sqlText(join(folder, 'zstd.parquet'))} (FORMAT parquet, COMPRESSION zstd)`,
  );
}, 60_000);

async function list(path: string, source: Partial<Source> = {}) {
  const images: ListedImage[] = [];
  const told: (readonly ClassName[])[] = [];
  const all = listImages(
    [path],
    { format: 'auto', columns: {}, ...source },
    { classes: (found) => told.push(found) },
  );
  for await (const image of all) images.push(image);
  return { images, classes: told[0] };
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(isUserError(error), String((error as Error)?.stack)).toBe(true);
  return (error as Error).message;
}

describe("Hugging Face's Parquet files", () => {
  test.each(Object.keys(VARIANTS))('%s: rows, names, labels and bytes', async (name) => {
    const file = join(folder, `${name}.parquet`);
    const { images, classes } = await list(file);
    expect(classes).toEqual(CLASSES.map((label) => ({ label })));
    expect(images).toHaveLength(COUNT);
    expect(images[1234]).toMatchObject({ path: `${name}.parquet/0001234/n1234.png`, label: 'car', file });
    expect(images[9]!.label).toBe(null);
    const reader = parquetReader();
    // In order, at random, and several at once.
    const rows = [...Array(300).keys(), 4999, 17, 2047, 2048, 4095, 4096, 17];
    const bytes = await Promise.all(
      rows.map((row) => reader.read(file, images[row]!.offset, images[row]!.value!)),
    );
    for (const [i, row] of rows.entries())
      expect(bytes[i]!.equals(pictures[(row * 7) % 60]!), `${row}`).toBe(true);
    expect(await reader.read(file, images[4321]!.offset, images[4321]!.value!)).toBe(undefined);
    await reader.close();
  });

  test('neighbouring rows belong to one group', async () => {
    const { images } = await list(join(folder, 'snappy.parquet'));
    const groups = new Set(images.map(({ group }) => group));
    expect(groups.size).toBe(Math.ceil(COUNT / 64));
    expect(images[63]!.group).toBe(images[0]!.group);
    expect(images[64]!.group).not.toBe(images[0]!.group);
  });

  test('plain columns of bytes; columns that are named', async () => {
    const file = join(folder, 'bytes.parquet');
    const { images } = await list(file);
    expect(images[3]).toMatchObject({ path: 'bytes.parquet/0000003', label: '0' });
    const other = await list(file, { columns: { image: 'jpg', label: 'other' } });
    expect(other.images[3]).toMatchObject({ label: '1' });
    expect(await refusal(list(file, { columns: { image: 'picture' } }))).toMatch(
      /no column "picture".*"jpg"/,
    );
  });

  test('a Parquet file without images but with paths is a list', async () => {
    const { images } = await list(join(folder, 'list.parquet'));
    expect(images.slice(0, 2)).toEqual([
      {
        path: 'images/n0.png',
        label: 'c0',
        file: join(folder, 'images/n0.png'),
        offset: 0,
        bytes: undefined,
      },
      {
        path: 'images/n1.png',
        label: 'c1',
        file: join(folder, 'images/n1.png'),
        offset: 0,
        bytes: undefined,
      },
    ]);
    expect(await refusal(list(join(folder, 'neither.parquet')))).toMatch(/no column of images/);
  });

  test('zstd is refused by name, where Node has none', async () => {
    const listing = list(join(folder, 'zstd.parquet'));
    if (!('zstdDecompressSync' in (await import('node:zlib')))) {
      expect(await refusal(listing)).toMatch(/ZSTD.*snappy/);
      return;
    }
    const { images } = await listing;
    const reader = parquetReader();
    expect(await reader.read(images[0]!.file, images[0]!.offset, 0)).toEqual(pictures[0]);
    await reader.close();
  });

  test("another writer's files, with pages of both versions", async () => {
    const text = { type: 'UTF8', optional: true } as const;
    const schema = new parquet.ParquetSchema({
      image: { optional: true, fields: { bytes: { type: 'BYTE_ARRAY', optional: true }, path: text } },
      label: { type: 'INT64' },
    } as never);
    for (const version of [1, 2]) {
      const file = join(folder, `js-${version}.parquet`);
      const writer = await ParquetWriter.openFile(schema, file, { useDataPageV2: version === 2 });
      writer.setRowGroupSize(7);
      for (let i = 0; i < 30; i++)
        await writer.appendRow({ image: { bytes: pictures[i]!, path: `p/${i}.png` }, label: i % 3 });
      await writer.close();
      const { images } = await list(file);
      expect(images.map(({ path }) => path)).toContain(`js-${version}.parquet/0000029/29.png`);
      const reader = parquetReader();
      for (const [row, image] of images.entries()) {
        expect(image.label).toBe(String(row % 3));
        expect(await reader.read(file, image.offset, image.value!)).toEqual(pictures[row]);
      }
      await reader.close();
    }
  });

  test('many files: few are open at a time, and reads under way get their bytes', async () => {
    const files = ['snappy', 'plain', 'gzip', 'brotli', 'second', 'bytes'].map((name) =>
      join(folder, `${name}.parquet`),
    );
    const listed = await Promise.all(files.map((file) => list(file)));
    const reader = parquetReader();
    const reads = Array.from({ length: 48 }, (_, i) => {
      const image = listed[i % files.length]!.images[i]!;
      return reader.read(image.file, image.offset, image.value!);
    });
    for (const [i, bytes] of (await Promise.all(reads)).entries())
      expect(bytes).toEqual(pictures[(i * 7) % 60]);
    await reader.close();
  });
});

describe('damaged Parquet files', () => {
  test('are refused by name, whatever is wrong', async () => {
    const whole = readFileSync(join(folder, 'bytes.parquet'));
    const file = join(folder, 'damaged.parquet');
    const attempt = async (bytes: Buffer) => {
      writeFileSync(file, bytes);
      const reader = parquetReader();
      try {
        const { images } = await list(file);
        for (const { offset, value } of images) await reader.read(file, offset, value!);
      } catch (error) {
        expect(isUserError(error), String((error as Error).stack)).toBe(true);
      } finally {
        await reader.close();
      }
    };
    for (const length of [0, 4, 11, 40, whole.length - 5, whole.length - 1])
      await attempt(whole.subarray(0, length));
    for (let i = 0; i < 400; i++) {
      const bytes = Buffer.from(whole);
      // Every second one in the footer, where most of what can go wrong is told.
      const at = i % 2 ? whole.length - 1 - ((i * 13) % 900) : (i * 7919) % whole.length;
      bytes[at] = bytes[at]! ^ (1 << (i % 8));
      await attempt(bytes);
    }
  }, 60_000);
});
