import { describe, expect, it } from 'vitest';
import { mistake, put } from './in-process.ts';

const PIPELINE = 'pipeline.yaml';
const SHOUT = 'stages/shout/index.ts';

describe('a mistake in pipeline.yaml', () => {
  const cases: [string, string, string][] = [
    ['a reference with a typo', '?? times}', '?? tmies}'],
    ['a reference with a typo, where the key is needed', '${final.glue}', '${finale.glue}'],
    ['a reference in longer text', '${glue}', 'x${glue}'],
    ['an unknown stage', '${split.parts.words}', '${spilt.parts.words}'],
    ['an unknown output', '${join.joined}', '${join.jioned}'],
    ['an unknown output of a list', '${split.parts.words}', '${split.parts.wods}'],
    ['an unknown list', 'part: ${split.parts}', 'part: ${split.prats}'],
    ['a list that no stage has and the config has not', 'part: ${split.parts}', 'part: ${splt.parts}'],
    ['a stage instead of its list', 'part: ${split.parts}', 'part: ${split}'],
    ['an unknown input', 'loud: ${shout.loud}', 'lod: ${shout.loud}'],
    ['an unknown parameter', 'parts: ${parts}', 'prats: ${parts}'],
    [
      'an unknown key',
      'foreach:\n      voice: ${voices}\n      part',
      'for-each:\n      voice: ${voices}\n      part',
    ],
    ['a missing input', '    needs:\n      loud: ${join.joined}\n', ''],
    ['a folder without a stage', './stages/split', './stages/splitt'],
    ['no stage folder given', '    uses: ./stages/split\n', ''],
    ['one input where there are several', '      part: ${split.parts}\n', ''],
    [
      'one variable for two lists',
      'voice: ${voices}\n    with:\n      glue',
      'voice: ${others}\n    with:\n      glue',
    ],
    [
      'something to publish that is no folder',
      '      loud: ${join.joined}\n',
      '      loud: ${join.joined}\n    publish: { output: joined, to: ./out }\n',
    ],
    ['a name that is none', '  join:\n', '  Join it:\n'],
    ['two lists in one foreach', 'voice: ${voices}\n      part', 'voice: ${voices ?? others}\n      part'],
  ];
  for (const [name, from, to] of cases) {
    it(name, async () => {
      expect(await mistake({ [PIPELINE]: put(from, to) })).toMatchSnapshot();
    });
  }

  it('a circle', async () => {
    const pipeline = [
      'stages:',
      '  a: { uses: ./stages/join, with: { glue: x }, needs: { loud: "${b.joined}" } }',
      '  b: { uses: ./stages/join, with: { glue: x }, needs: { loud: "${a.joined}" } }',
    ];
    expect(await mistake({ [PIPELINE]: pipeline.join('\n') })).toMatchSnapshot();
  });
  it('no pipeline', async () => {
    expect(await mistake({}, { pipeline: 'pipe.yaml' })).toMatchSnapshot();
  });
});

describe('code of a stage that can not be loaded', () => {
  it('exports no stage', async () => {
    expect(await mistake({ [SHOUT]: 'export const x = 1;\n' })).toMatchSnapshot();
  });
});
