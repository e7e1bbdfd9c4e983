import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { Json } from '../../common/json.ts';
import { type Node, toJson } from '../../engine/spec/node.ts';
import { coordinates, type Place } from '../../engine/spec/source.ts';
import { readYaml } from '../../engine/spec/yaml-file.ts';
import { recallYaml, takeParsedYaml } from '../../engine/spec/yaml-memory.ts';
import { temporaryFolder } from '../support/fake-task.ts';

const file = join(temporaryFolder(), 'a.yaml');
const forget = () => recallYaml(() => undefined);
afterEach(forget);

const at = ({ start, end }: Place) => `${start}-${end}`;

/** A node with all that it has of its own. */
function shown(node: Node): unknown {
  const { kind, place } = node;
  if (kind === 'scalar') return [kind, at(place), node.value];
  if (kind === 'list') return [kind, at(place), node.items.map(shown)];
  return [kind, at(place), [...node.entries].map(([name, { key, value }]) => [name, at(key), shown(value)])];
}

/** As it is kept: through a file. */
const kept = () => new Map<string, Json>(JSON.parse(JSON.stringify(takeParsedYaml())));

it('a file that was parsed before gives the same values at the same places', () => {
  const text = fc.string().map((each) => each.replaceAll('\0', ''));
  const plain = fc.oneof(
    text,
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
  );
  const value = fc.letrec((tie) => ({
    any: fc.oneof({ maxDepth: 4 }, plain, fc.array(tie('any')), fc.dictionary(text, tie('any'))),
  })).any;
  fc.assert(
    fc.property(fc.dictionary(text, value), (values) => {
      writeFileSync(file, stringify(values));
      forget();
      const parsed = readYaml(file);
      const memory = kept();
      expect(memory.size).toBe(1);
      const asked: string[] = [];
      recallYaml((key) => {
        asked.push(key);
        return memory.get(key);
      });
      const recalled = readYaml(file);
      expect(asked).toEqual([...memory.keys()]);
      expect(takeParsedYaml()).toEqual([]);
      expect(shown(recalled)).toEqual(shown(parsed));
    }),
    { numRuns: 50 },
  );
});

it('tells lines and columns without having parsed', () => {
  writeFileSync(file, '# a comment\r\na: 1\r\nb:\r\n  - ä\r\n  - c: [x, y]\r\n');
  readYaml(file);
  const memory = kept();
  recallYaml((key) => memory.get(key));
  const root = readYaml(file);
  const list = root.kind === 'map' ? root.entries.get('b')!.value : root;
  const last = list.kind === 'list' ? list.items[1]! : list;
  expect(coordinates(last.place)).toMatch(/a\.yaml:5:5$/);
});

it('parses a file whose memory is spoilt', () => {
  writeFileSync(file, 'a: 1\n');
  readYaml(file);
  takeParsedYaml();
  for (const spoilt of [null, 7, [0], [0, 1, { entries: 3 }], [0, 1, { entries: [[]] }]] as Json[]) {
    recallYaml(() => spoilt);
    expect(toJson(readYaml(file))).toEqual({ a: 1 });
  }
});
