import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore } from '../../cache/store.ts';
import { codeReader } from '../../engine/plan/code.ts';

const FILES = {
  'stages/a/index.ts': `
    import type { Shape } from './types.ts';
    import { helper } from './helper.ts';
    // what it does
    export const run = async (shape: Shape): Promise<number> => {
      const { late } = await import('./late.ts');
      return helper(shape.width) + late;
    };`,
  'stages/a/types.ts': 'export interface Shape { width: number }',
  'stages/a/helper.ts': `export { helper } from '../../lib/barrel.ts';\nexport const worker = new URL('./worker.ts', import.meta.url);`,
  'stages/a/late.ts': 'export const late = 1;',
  'stages/a/worker.ts': `import data from './data.json' with { type: 'json' };\nexport default data;`,
  'stages/a/data.json': '{"a": 1}',
  'lib/barrel.ts': `export * from './deep.ts';`,
  'lib/deep.ts': 'const FACTOR = 2;\nexport function helper(x: number): number {\n  return x * FACTOR;\n}\n',
};

let root: string;
const write = (name: string, text: string) => {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), text);
};
async function read() {
  const store = await openStore(join(root, '.mis'));
  try {
    return await codeReader(root, store)(join(root, 'stages/a/index.ts'));
  } finally {
    await store.close();
  }
}
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'mis-code-'));
  for (const [name, text] of Object.entries(FILES)) write(name, text);
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('the code that a fingerprint covers', () => {
  it('is every file that is imported, re-exported, imported late or started as a worker; not types', async () => {
    expect(Object.keys((await read()).files).sort()).toEqual([
      'lib/barrel.ts',
      'lib/deep.ts',
      'stages/a/data.json',
      'stages/a/helper.ts',
      'stages/a/index.ts',
      'stages/a/late.ts',
      'stages/a/worker.ts',
    ]);
  });

  const same: [string, keyof typeof FILES, (text: string) => string][] = [
    ['a comment', 'lib/deep.ts', (text) => `// more\n${text}/* end */`],
    ['a legal comment', 'lib/deep.ts', (text) => `/*! licence */\n${text}`],
    [
      'another format',
      'lib/deep.ts',
      (text) => text.replaceAll('\n', ' ').replaceAll(' ', '\n  ').replace('return\n', 'return '),
    ],
    ['other quotes', 'stages/a/index.ts', (text) => text.replaceAll("'", '"')],
    ['another type', 'lib/deep.ts', (text) => text.replace('): number', '): number | 0')],
    [
      'a further type',
      'stages/a/index.ts',
      (text) => `import type { X } from './none.ts';\ntype Y = X;\n${text}`,
    ],
    ['a file of types', 'stages/a/types.ts', () => 'export interface Shape { width: 1 | 2 }'],
  ];
  it.each(same)('%s changes nothing', async (_, name, change) => {
    const before = await read();
    write(name, change(FILES[name]));
    expect(await read()).toEqual(before);
  });

  const others: [string, keyof typeof FILES, (text: string) => string][] = [
    ['a constant behind a re-export', 'lib/deep.ts', (text) => text.replace('= 2', '= 3')],
    ['a file that is imported late', 'stages/a/late.ts', (text) => text.replace('1', '2')],
    ['a worker', 'stages/a/worker.ts', (text) => `${text}\nconsole.log(1)`],
    ['data', 'stages/a/data.json', () => '{"a": 2}'],
  ];
  it.each(others)('%s counts, and is named', async (_, name, change) => {
    const before = await read();
    write(name, change(FILES[name]));
    const after = await read();
    expect(after.digest).not.toBe(before.digest);
    expect(Object.keys(after.files).filter((file) => after.files[file] !== before.files[file])).toEqual([
      name,
    ]);
  });

  it('is told when it can not be followed', async () => {
    write(
      'stages/a/late.ts',
      'const name = process.argv[2];\nexport const late = await import(`./${name}.ts`);',
    );
    await expect(read()).rejects.toThrow(
      /^stages\/a\/late\.ts: in import\(.*the name is made up when the code runs/,
    );
    write('stages/a/late.ts', 'export const late = new URL(process.argv[2], import.meta.url);');
    await expect(read()).rejects.toThrow(/^stages\/a\/late\.ts: in new URL\(/);
    write('stages/a/late.ts', `export * from './gone.ts';`);
    await expect(read()).rejects.toThrow(
      "stages/a/gone.ts: can't be read (ENOENT), but stages/a/late.ts imports it.",
    );
    write('stages/a/late.ts', 'export const late = 1;\nconst = 2;');
    await expect(read()).rejects.toThrow(
      'stages/a/late.ts:2:7: Expected identifier but found "="\n  2 | const = 2;\n    |       ^',
    );
  });
});
