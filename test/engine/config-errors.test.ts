import { describe, expect, it } from 'vitest';
import { mistake, put } from './in-process.ts';

const CONFIG = 'configs/default.yaml';
const LOUD = 'configs/voices/loud.yaml';

describe('a mistake in a config is told with its place, the line, and what was expected', () => {
  it('unknown key', async () => {
    expect(await mistake({ [CONFIG]: put('times: 1', 'tmes: 1') })).toMatchInlineSnapshot(`
      "configs/default.yaml:3:1: unknown key "tmes"
        3 | tmes: 1
          | ^^^^
        Did you mean times? Known here: text, parts, voices, times, glue, final, expect. The pipeline refers to that at pipeline.yaml:14:14."
    `);
  });
  it('unknown key in a section', async () => {
    expect(await mistake({ [CONFIG]: put('  glue:', '  glew:') })).toMatchInlineSnapshot(`
      "configs/default.yaml:6:3: unknown key "glew"
        6 |   glew: "+"
          |   ^^^^
        Did you mean glue? Known here: glue. The pipeline refers to that at pipeline.yaml:28:13."
    `);
  });
  it('unknown key in a file of its own', async () => {
    expect(await mistake({ [LOUD]: 'mark: "!"\ntime: 3\n' })).toMatchInlineSnapshot(`
      "configs/voices/loud.yaml:2:1: unknown key "time"
        2 | time: 3
          | ^^^^
        Did you mean times? Known here: name, mark, times. The pipeline refers to that at pipeline.yaml:14:14."
    `);
  });
  it('wrong type', async () => {
    expect(await mistake({ [CONFIG]: put('parts: 3', 'parts: three') })).toMatchInlineSnapshot(`
      "configs/default.yaml:2:8: parts can't be "three"
        2 | parts: three
          |        ^^^^^
        Expected: a number."
    `);
  });
  it('out of bounds', async () => {
    expect(await mistake({ [CONFIG]: put('parts: 3', 'parts: 0') })).toMatchInlineSnapshot(`
      "configs/default.yaml:2:8: parts can't be 0
        2 | parts: 0
          |        ^
        Expected: a number of at least 1."
    `);
  });
  it('wrong type in a file of its own', async () => {
    expect(await mistake({ [LOUD]: 'mark: [a, b]\n' })).toMatchInlineSnapshot(`
      "configs/voices/loud.yaml:1:7: voice.mark can't be a list
        1 | mark: [a, b]
          |       ^^^^^^
        Expected: text."
    `);
  });
  it('missing key', async () => {
    expect(await mistake({ [CONFIG]: put('parts: 3\n', '') })).toMatchInlineSnapshot(`
      "configs/default.yaml:1:1: missing key "parts"
        1 | text: ../text.txt
          | ^^^^^^^^^^^^^^^^^
        Stage split needs it as "parts" (pipeline.yaml:6:14)."
    `);
  });
  it('missing key in a section', async () => {
    expect(await mistake({ [CONFIG]: put('  glue: "+"', '  # none') })).toMatchInlineSnapshot(`
      "configs/default.yaml:5:7: missing key "final.glue"
        5 | final:
          |       ^
        Stage all needs it as "glue" (pipeline.yaml:28:13)."
    `);
  });
  it('missing key of an element', async () => {
    expect(await mistake({ [LOUD]: 'times: 2\n' })).toMatchInlineSnapshot(`
      "configs/voices/loud.yaml:1:1: missing key "mark"
        1 | times: 2
          | ^^^^^^^^
        Stage shout needs it as "mark" (pipeline.yaml:13:13)."
    `);
  });
  it('null is not given', async () => {
    expect(await mistake({ [CONFIG]: put('parts: 3', 'parts:') })).toMatchInlineSnapshot(`
      "configs/default.yaml:2:7: missing key "parts"
        2 | parts:
          |       ^
        Stage split needs it as "parts" (pipeline.yaml:6:14)."
    `);
  });
  it('missing data file', async () => {
    expect(await mistake({ [CONFIG]: put('../text.txt', 'text.txt') })).toMatchInlineSnapshot(`
      "configs/default.yaml:1:7: there is no text file at configs/text.txt
        1 | text: text.txt
          |       ^^^^^^^^
        Relative paths start at the folder of the file that they stand in (here: configs)."
    `);
  });
  it('missing file of a section', async () => {
    expect(
      await mistake({ [CONFIG]: put('final:\n  glue: "+"', 'final: last.yaml') }),
    ).toMatchInlineSnapshot(`
      "configs/default.yaml:5:8: there is no file last.yaml
        5 | final: last.yaml
          |        ^^^^^^^^^
        Looked in configs."
    `);
  });
  it('missing file of an element', async () => {
    expect(await mistake({ [CONFIG]: put('voices/*.yaml', 'voices/lowd.yaml') })).toMatchInlineSnapshot(`
      "configs/default.yaml:8:5: there is no file voices/lowd.yaml
        8 |   - voices/lowd.yaml
          |     ^^^^^^^^^^^^^^^^
        Looked in configs."
    `);
  });
  it('glob without a match', async () => {
    expect(await mistake({ [CONFIG]: put('voices/*.yaml', 'voice/*.yaml') })).toMatchInlineSnapshot(`
      "configs/default.yaml:8:5: no file matches voice/*.yaml
        8 |   - voice/*.yaml
          |     ^^^^^^^^^^^^
        Looked in configs."
    `);
  });
  it('empty list', async () => {
    expect(
      await mistake({ [CONFIG]: put('voices:\n  - voices/*.yaml', 'voices: []') }),
    ).toMatchInlineSnapshot(`
      "configs/default.yaml:7:9: "voices" is empty
        7 | voices: []
          |         ^^
        Name at least one element."
    `);
  });
  it('not a list', async () => {
    expect(
      await mistake({ [CONFIG]: put('voices:\n  - voices/*.yaml', 'voices: {a: 1}') }),
    ).toMatchInlineSnapshot(`
      "configs/default.yaml:7:9: "voices" takes a list, found a mapping
        7 | voices: {a: 1}
          |         ^^^^^^"
    `);
  });
  it('two elements of one name', async () => {
    expect(await mistake({ [LOUD]: 'name: shy\nmark: "!"\n' })).toMatchInlineSnapshot(`
      "configs/voices/shy.yaml:1:1: there are two elements named "shy"
        1 | mark: "?"
          | ^^^^^^^^^
        The other one: configs/voices/loud.yaml:1:7. Give one of them another "name"."
    `);
  });
  it('a name that can not stand in a file name', async () => {
    expect(await mistake({ [LOUD]: 'name: a/b\nmark: "!"\n' })).toMatchInlineSnapshot(`
      "configs/voices/loud.yaml:1:7: "a/b" can't be a name
        1 | name: a/b
          |       ^^^
        Use letters, digits, ".", "_", "+" and "-"; add a key "name"."
    `);
  });
  it('an element without a name', async () => {
    expect(await mistake({ [CONFIG]: put('- voices/*.yaml', '- mark: "!"') })).toMatchInlineSnapshot(`
      "configs/default.yaml:8:5: this element has no name
        8 |   - mark: "!"
          |     ^^^^^^^^^
        Add a key "name"."
    `);
  });
  it('a key twice', async () => {
    expect(await mistake({ [CONFIG]: put('parts: 3', 'parts: 3\nparts: 4') })).toMatchInlineSnapshot(`
      "configs/default.yaml:3:1: the key "parts" stands twice in this mapping
        3 | parts: 4
          | ^"
    `);
  });
  it('not YAML', async () => {
    expect(await mistake({ [CONFIG]: put('parts: 3', 'parts: [3') })).toMatchInlineSnapshot(`
      "configs/default.yaml:3:1: this list isn't closed: ] is missing
        3 | times: 1
          | ^"
    `);
  });
  it('tabs', async () => {
    expect(await mistake({ [CONFIG]: put('  glue: "+"', '\tglue: "+"') })).toMatchInlineSnapshot(`
      "configs/default.yaml:6:1: Tabs are not allowed as indentation
        6 |  glue: "+"
          | ^"
    `);
  });
  it('a section that is a list', async () => {
    expect(await mistake({ [CONFIG]: put('  glue: "+"', '  - glue') })).toMatchInlineSnapshot(`
      "configs/default.yaml:6:3: expected a mapping or the name of a YAML file, found a list
        6 |   - glue
          |   ^^^^^^
        Its keys: glue."
    `);
  });
  it('a config that is a list', async () => {
    expect(await mistake({ [CONFIG]: '- a\n' })).toMatchInlineSnapshot(`
      "configs/default.yaml:1:1: a config is a mapping of keys to values
        1 | - a
          | ^^^"
    `);
  });
  it('no number', async () => {
    expect(await mistake({ [CONFIG]: put('parts: 3', 'parts: .nan') })).toMatchInlineSnapshot(`
      "configs/default.yaml:2:8: NaN is not a value that a configuration can hold
        2 | parts: .nan
          |        ^^^^"
    `);
  });
  it('configs that extend each other', async () => {
    expect(
      await mistake({ [CONFIG]: 'extends: more.yaml\n', 'configs/more.yaml': 'extends: default.yaml\n' }),
    ).toMatchInlineSnapshot(`
      "configs/more.yaml:1:10: these configs extend each other in a circle
        1 | extends: default.yaml
          |          ^^^^^^^^^^^^"
    `);
  });
  it('extends a file that is not there', async () => {
    expect(await mistake({ [CONFIG]: 'extends: base.yaml\n' })).toMatchInlineSnapshot(`
      "configs/default.yaml:1:10: there is no file base.yaml
        1 | extends: base.yaml
          |          ^^^^^^^^^
        Looked in configs."
    `);
  });
  it('aliases that multiply', async () => {
    const lines = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
    for (const [i, name] of [...'bcdefgh'].entries())
      lines.push(`${name}: &${name} [${Array(10).fill(`*${'abcdefgh'[i]}`).join(', ')}]`);
    const message = await mistake({ [CONFIG]: lines.join('\n') });
    expect(message).toMatch(/^configs\/default\.yaml:\d+:\d+: this file expands to too many values\n/);
  });
  it('an alias inside what it refers to', async () => {
    expect(await mistake({ [CONFIG]: put('glue: "-"', 'glue: &a [*a]') })).toMatch(
      /^configs\/default\.yaml:4:10: this file expands to too many values\n/,
    );
  });
  it('no config file', async () => {
    expect(await mistake({}, { config: ['configs/defualt.yaml'] })).toMatchInlineSnapshot(
      `"configs/defualt.yaml: there is no such config file. Name one with -c FILE."`,
    );
  });
});

describe('a mistake in --set', () => {
  it('no assignment', async () => {
    expect(await mistake({}, { set: ['times'] })).toMatchInlineSnapshot(
      `"--set times: not an assignment. Write --set key.key=value, for example --set score.alpha=0.3"`,
    );
  });
  it('unknown key', async () => {
    expect(await mistake({}, { set: ['final.glew=x'] })).toMatchInlineSnapshot(`
      "--set: unknown key "glew"
        --set final.glew=x
              ^^^^^^^^^^
        Did you mean glue? Known here: glue. The pipeline refers to that at pipeline.yaml:28:13."
    `);
  });
  it('wrong type', async () => {
    expect(await mistake({}, { set: ['times=often'] })).toMatchInlineSnapshot(`
      "--set times: times can't be "often"
        --set times=often
                    ^^^^^
        Expected: a number."
    `);
  });
  it('not YAML', async () => {
    expect(await mistake({}, { set: ['voices=[a'] })).toMatchInlineSnapshot(`
      "--set voices: this list isn't closed: ] is missing
        --set voices=[a
                       ^"
    `);
  });
  it('a file that is not there', async () => {
    expect(await mistake({}, { set: ['voices=[configs/voices/lowd.yaml]'] })).toMatchInlineSnapshot(`
      "--set voices: there is no file configs/voices/lowd.yaml
        --set voices=[configs/voices/lowd.yaml]
                      ^^^^^^^^^^^^^^^^^^^^^^^^
        Looked in the working folder."
    `);
  });
  it('a section replaced by a value', async () => {
    expect(await mistake({}, { set: ['final=3'] })).toMatchInlineSnapshot(`
      "--set final: expected a mapping or the name of a YAML file, found 3
        --set final=3
                    ^
        Its keys: glue."
    `);
  });
});
