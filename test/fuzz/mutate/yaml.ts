import type { Dice } from '../random.ts';
import { HOSTILE } from './bytes.ts';

const TOKENS: readonly string[] = [
  '*a',
  '&a ',
  '&a [*a, *a]',
  '<<: *a',
  '!!binary ',
  '!!js/function ',
  '? ',
  '[',
  '{',
  '- ',
  '  - ',
  '\t',
  '%YAML 9.9\n',
  '---\n',
  '...\n',
  '|9\n',
  '>-\n',
  "'",
  '"',
  '"\\x',
  '"\\ud800"',
  '.nan',
  '.inf',
  '0x',
  '0o9',
  '1e999',
  '1_000',
  '~',
  'null',
  'yes',
  '2001-02-30',
  '${',
  '${}',
  '${a.b.c}',
  '${models}',
  '${a ?? }',
  '${index-dataset.shards}',
  '{00..9}',
  '{0..99999999}',
  '{0..999}{0..999}{0..999}',
  '**/*.yaml',
  '*.yaml',
  '[',
  ']',
  'extends: default.yaml',
  'name: ..',
  'name: a/b',
  ': ',
  '#',
  '@',
  '`',
  '[['.repeat(300),
  '{a: '.repeat(300),
  '- '.repeat(5000),
  '['.repeat(60_000),
  '? '.repeat(3000),
  `${'a'.repeat(70_000)}: 1`,
];

/** A change of a YAML text: tokens, lines, indentation, values. `other` is another text to take lines from. */
export function mutateYaml(bytes: Buffer, other: Buffer, dice: Dice): Buffer {
  const lines = bytes.toString('utf8').split('\n');
  const at = dice.below(lines.length);
  const line = lines[at]!;
  const token = dice.oneIn(4) ? dice.pick(HOSTILE) : dice.pick(TOKENS);
  const column = dice.below(line.length + 1);
  const edits: readonly (() => void)[] = [
    () => lines.splice(at, 1),
    () => lines.splice(at, 0, lines[dice.below(lines.length)]!),
    () => lines.splice(at, 0, ...other.toString('utf8').split('\n').slice(dice.below(10), 12)),
    () => lines.splice(at, 1, ' '.repeat(dice.below(6)) + line.trimStart()),
    () => lines.splice(at, 1, line.slice(0, column) + token + line.slice(column)),
    () => lines.splice(at, 1, line.replace(/:.*/, `: ${token}`)),
    () => lines.splice(at, 1, line.replace(/[^\s:-]+:/, `${token}:`)),
    () => lines.splice(at, 1, line.replace(/\d+(\.\d+)?/, token)),
    () => lines.push(...bomb(dice)),
  ];
  dice.pick(edits)();
  return Buffer.from(lines.join('\n'));
}

/** Anchors that multiply: ten levels of nine references. */
function bomb(dice: Dice): string[] {
  const times = 2 + dice.below(12);
  const level = (i: number) =>
    `x${i}: &x${i} [${new Array(times).fill(i === 0 ? 'y' : `*x${i - 1}`).join(', ')}]`;
  return Array.from({ length: 3 + dice.below(9) }, (_, i) => level(i));
}
