import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ENTRY } from '../../cache/index-entry.mjs';
import { newEntries, readIndexFile } from '../../cache/index-file.ts';
import { IndexedRecord, outputOf, recordBytes } from '../../cache/indexed-record.ts';
import type { PutOut } from '../../cache/store.ts';
import { hashOf, temporaryFolder } from './support.ts';

const artifact = fc.record({
  kind: fc.constantFrom('file' as const, 'folder' as const),
  digest: fc.nat().map((n) => hashOf(String(n))),
  bytes: fc.nat({ max: 2 ** 40 }),
});
const outputs = fc.dictionary(fc.string(), artifact, { maxKeys: 4 });
const record: fc.Arbitrary<PutOut> = fc.record({
  outputs,
  lists: fc.dictionary(fc.string(), fc.dictionary(fc.string(), outputs, { maxKeys: 4 }), { maxKeys: 2 }),
});
const look = fc.record({ ino: fc.nat(), size: fc.nat(), mtimeMs: fc.double({ noNaN: true, min: 0 }) });
const entries = fc.array(fc.record({ name: fc.nat({ max: 20 }), file: look, record }), { maxLength: 30 });

it('what is kept in files of the index comes back, of two of a fingerprint the later', async () => {
  const dir = await temporaryFolder();
  fc.assert(
    fc.property(entries, fc.integer({ min: 1, max: 12 }), (all, most) => {
      const added = newEntries();
      for (const { name, file, record } of all) added.add(hashOf(`name ${name}`), file, record);
      const kept = new Map<string, (typeof all)[number]>();
      for (const [i, bytes] of added.files(most).entries()) {
        writeFileSync(join(dir, String(i)), bytes);
        const file = readIndexFile(join(dir, String(i)))!;
        for (const start of file.starts) {
          const look = [0, 1, 2].map((n) => file.numbers[(start + ENTRY.file) / 8 + n]!);
          const [ino, size, mtimeMs] = look as [number, number, number];
          const name = file.bytes.toString('hex', start, start + 32);
          kept.set(name, { name: 0, file: { ino, size, mtimeMs }, record: new IndexedRecord(file, start) });
        }
      }
      const last = new Map(all.map((each) => [hashOf(`name ${each.name}`), each]));
      expect(new Set(kept.keys())).toEqual(new Set(last.keys()));
      for (const [name, { file, record }] of last) {
        const found = kept.get(name)!;
        expect(found.file).toEqual(file);
        expect({ ...found.record.outputs }).toEqual({ ...record.outputs });
        expect({ ...found.record.lists }).toEqual({ ...record.lists });
        expect(recordBytes(found.record)).toBe(recordBytes(record));
        for (const output of Object.keys(record.outputs))
          expect(outputOf(found.record, output)).toEqual(record.outputs[output]);
      }
    }),
    { numRuns: 50 },
  );
});

it('names that are no SHA-256 are left out', () => {
  const added = newEntries();
  added.add('not-hexadecimal', { ino: 1, size: 2, mtimeMs: 3 }, { outputs: {}, lists: {} });
  expect(added.count).toBe(0);
});
