import fc from 'fast-check';
import { expect, it } from 'vitest';
import { canonicalJson, type Json, sha256 } from '../../common/json.ts';
import { type Document, type Fixed, fingerprinter } from '../../engine/plan/document.ts';
import { inOrder, inputDigest, inputText } from '../../engine/plan/inputs.ts';
import { type Source, varsKey } from '../../engine/plan/task.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('', '"', '\\', 'ä', '\u2028', '7'),
);
const name = fc
  .oneof(fc.constantFrom('model', 'shard', 'encoder', 'setting'), text)
  .filter((key) => key !== '__proto__');
const vars = fc.dictionary(name, text, { maxKeys: 4, noNullPrototype: true });
const digest = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 64, maxLength: 64 });
const source: fc.Arbitrary<Source> = fc.record({
  vars,
  artifact: fc.record({ kind: fc.constant('file' as const), digest, bytes: fc.nat() }),
});
const json = fc.jsonValue() as fc.Arbitrary<Json>;
const texts = fc.dictionary(name, text, { maxKeys: 3, noNullPrototype: true });

it('the text that a gathered input adds to a fingerprint is the canonical JSON of its digests', () => {
  fc.assert(
    fc.property(fc.array(source, { minLength: 1, maxLength: 6 }), vars, (sources, taker) => {
      for (const take of ['one', 'each'] as const)
        expect(inputText(take, sources, taker)).toBe(
          canonicalJson(inputDigest(take, sources, taker) as unknown as Json),
        );
    }),
  );
});

it('a fingerprint is the SHA-256 of the whole document, though its parts are written apart', () => {
  const fixed: fc.Arbitrary<Fixed> = fc.record({
    format: fc.nat(),
    stage: text,
    code: digest,
    params: json,
    files: texts,
    environment: texts,
  });
  const impossible = fc.option(
    fc.array(fc.record({ setting: text, vars, reason: text }), { minLength: 1, maxLength: 3 }),
    { nil: undefined },
  );
  fc.assert(
    fc.property(fixed, texts, impossible, (part, inputs, lacking) => {
      const document: Document = { ...part, inputs, ...(lacking && { impossible: lacking }) };
      expect(fingerprinter(part)(canonicalJson(inputs), lacking)).toBe(
        sha256(canonicalJson(document as unknown as Json)),
      );
    }),
  );
});

it('sources are sorted by their variables, wherever they come from', () => {
  const plainKey = (of: Source['vars']) =>
    Object.entries(of)
      .map(([key, value]) => [key, `${key}=${value}`] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, each]) => each)
      .join('\u0000');
  fc.assert(
    fc.property(fc.array(source, { maxLength: 8 }), (sources) => {
      const keys = inOrder(sources).map((each) => plainKey(each.vars));
      expect(keys).toEqual([...keys].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
      expect([...inOrder(sources)].sort(byDigest)).toEqual([...sources].sort(byDigest));
      for (const each of sources) expect(varsKey(each.vars)).toBe(plainKey(each.vars));
    }),
  );
});

const byDigest = (a: Source, b: Source) => (a.artifact.digest < b.artifact.digest ? -1 : 1);
