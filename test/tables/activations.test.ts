import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  type ActivationLayer,
  openActivations,
  rowsPerBatch,
  writeActivations,
} from '../../tables/activations.ts';
import { openEmbeddings, writeEmbeddings } from '../../tables/embeddings.ts';
import { classCount, readPredictions, topClasses, writePredictions } from '../../tables/predictions.ts';

const where = mkdtempSync(path.join(tmpdir(), 'mis-activations-'));
afterAll(() => rmSync(where, { recursive: true, force: true }));
const file = (name: string) => path.join(where, name);

const LAYERS: ActivationLayer[] = [
  { name: 'layer1.0.conv', type: 'conv', op: 'Conv', tensor: '/layer1/Conv_output_0', units: 3, depth: 0 },
  { name: 'head', type: 'linear', op: 'Gemm', tensor: 'logits', units: 2, depth: 1, note: 'a note' },
];
const ROWS = 1300;
const paths = Array.from({ length: ROWS }, (_, i) => `class/${i}.png`);
const values = LAYERS.map(({ units }, l) =>
  Float32Array.from({ length: ROWS * units }, (_, i) => Math.sin(i + l)),
);

function write(name: string, size: number): void {
  const writer = writeActivations(file(name), LAYERS);
  for (let from = 0; from < ROWS; from += size) {
    const part = LAYERS.map(({ units }, l) => values[l]!.subarray(from * units, (from + size) * units));
    writer.write(paths.slice(from, from + size), part);
  }
  writer.close();
}

describe('activations', () => {
  it('come back with their layers, whatever batches they came in; the bytes are the same', async () => {
    write('a', 7);
    for (const size of [1, 32, 512, 2000]) {
      write('b', size);
      expect(readFileSync(file('b')).equals(readFileSync(file('a')))).toBe(true);
    }
    const read = await openActivations(file('a'));
    expect(read.layers).toEqual(LAYERS);
    expect(read.rows).toBe(ROWS);
    const found = LAYERS.map((): number[] => []);
    const names: string[] = [];
    for await (const batch of read.batches()) {
      expect(batch.start).toBe(names.length);
      names.push(...batch.paths);
      LAYERS.forEach((_, l) => {
        found[l]!.push(...batch.layer(l));
      });
    }
    expect(names).toEqual(paths);
    found.forEach((list, l) => {
      expect(list).toEqual([...values[l]!]);
    });
    const second = await read.batch(1);
    expect(second.start).toBe(512);
    expect([...second.layer(1).subarray(0, 2)]).toEqual([...values[1]!.subarray(1024, 1026)]);
    await read.close();
  });

  it('of no images are a file too', async () => {
    writeActivations(file('none'), LAYERS).close();
    const read = await openActivations(file('none'));
    expect([read.rows, read.layers]).toEqual([0, LAYERS]);
    await read.close();
  });

  it('keep record batches near 16 MiB', () => {
    expect(rowsPerBatch([{ units: 10 }])).toBe(512);
    expect(rowsPerBatch([{ units: 22720 }])).toBe(184);
    expect(rowsPerBatch([{ units: 10 ** 8 }])).toBe(1);
  });

  it('need distinct names', () => {
    expect(() => writeActivations(file('x'), [LAYERS[0]!, LAYERS[0]!])).toThrow(/two columns/);
    expect(() => writeActivations(file('x'), [{ ...LAYERS[0]!, name: 'path' }])).toThrow(/two columns/);
  });
});

describe('predictions', () => {
  it('are the largest logits, the lower class first on ties', () => {
    expect(topClasses(Float32Array.of(1, 3, 3, 2, 0), 3)).toEqual([1, 2, 3]);
    const logits = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(logits, fc.integer({ min: 1, max: 5 }), (list, k) => {
        const sorted = list.map((value, c) => ({ value, c })).sort((a, b) => b.value - a.value || a.c - b.c);
        expect(topClasses(Float32Array.from(list), k)).toEqual(sorted.slice(0, k).map(({ c }) => c));
      }),
    );
  });

  it('come back with the number of classes', async () => {
    const writer = writePredictions(file('predictions'), 6);
    writer.write(['a'], Float32Array.of(0, 1, 2, 3, 4, 5));
    writer.write(['b', 'c'], Float32Array.of(9, 8, 7, 6, 5, 4, 1, 1, 1, 1, 1, 1));
    writer.close();
    expect(await classCount(file('predictions'))).toBe(6);
    expect(await readPredictions(file('predictions'))).toEqual({
      paths: ['a', 'b', 'c'],
      classes: 6,
      top1: Int32Array.of(5, 0, 0),
      top5: Int32Array.of(5, 4, 3, 2, 1, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4),
      k: 5,
    });
    writePredictions(file('two'), 2).close();
    expect(await readPredictions(file('two'))).toMatchObject({ paths: [], classes: 2, k: 2 });
  });
});

describe('embeddings', () => {
  it('come back in batches', async () => {
    const embeddings = Float32Array.from({ length: ROWS * 1000 }, (_, i) => i % 977);
    const writer = writeEmbeddings(file('embeddings'), 1000);
    for (let i = 0; i < ROWS; i += 9) {
      writer.write(paths.slice(i, i + 9), embeddings.subarray(i * 1000, (i + 9) * 1000));
    }
    writer.close();
    const read = await openEmbeddings(file('embeddings'));
    expect([read.rows, read.dimensions]).toEqual([ROWS, 1000]);
    let row = 0;
    for await (const batch of read.batches()) {
      expect(batch.start).toBe(row);
      expect(batch.paths[0]).toBe(paths[row]);
      expect(
        Buffer.from(batch.embeddings).equals(
          Buffer.from(embeddings.subarray(row * 1000, (row + batch.paths.length) * 1000)),
        ),
      ).toBe(true);
      row += batch.paths.length;
    }
    expect(row).toBe(ROWS);
    await read.close();
  });
});
