import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Result } from '../../bench/benchmark.ts';
import { section, withSection, writeSection } from '../../bench/results.ts';
import { type Header, headerLines, jsonLine, resultTable, rounded } from '../../bench/text.ts';
import { temporaryFolder } from '../support/fake-task.ts';

const HEADER: Header = {
  machine: {
    date: '2026-11-22 16:00 UTC',
    cpu: 'Some processor',
    cores: 2,
    memoryGiB: 24,
    os: 'Debian',
    node: '20.20.2',
    commit: '0123456789',
    load: 0.1,
  },
  versions: { onnxruntime: '1.27.0', numpy: '1.24.2' },
};
const RESULTS: readonly Result[] = [
  {
    case: 'met',
    ratio: 2.004,
    of: 1234.5,
    to: 616,
    unit: 's',
    target: 2,
    sizes: 'a | b',
    more: { x: 0.00123 },
  },
  { case: 'missed', ratio: 0.5, of: 1, to: 2, unit: 's', target: 0.8, sizes: '' },
  { case: 'free', ratio: 3, of: 3, to: 1, unit: 's', sizes: '' },
];

describe('what is shown', () => {
  test('numbers have three digits, and all before the point', () => {
    expect([0, 0.00123456, 0.98765, 1, 12.345, 123.45, 1234.5, 1_281_167, 3.89e-6].map(rounded)).toEqual([
      ...['0', '0.00123', '0.988', '1', '12.3', '123', '1,235', '1,281,167', '3.9e-6'],
    ]);
  });

  test('a table says whether targets are met, and what else was measured', () => {
    expect(resultTable(RESULTS).split('\n')).toEqual([
      'case      mis  reference  unit  ratio  target  sizes',
      'met     1,235        616  s         2     2 ✓  a | b',
      'missed      1          2  s       0.5   0.8 ✗',
      'free        3          1  s         3',
      'met: x 0.00123',
    ]);
  });

  test('a header names machine, versions and commit, and warns when others were at work', () => {
    const quiet = headerLines(HEADER);
    expect(quiet).toEqual([
      '2026-11-22 16:00 UTC, commit 0123456789',
      'Some processor, 2 cores, 24 GiB, Debian, load average 0.1 at the start',
      'Node 20.20.2, onnxruntime 1.27.0, numpy 1.24.2',
    ]);
    const loud = headerLines({ ...HEADER, machine: { ...HEADER.machine, load: 1.5 } });
    expect(loud.at(-1)).toMatch(/wasn't quiet.*1\.5 on 2 cores/);
  });

  test('a line of JSON begins with case, ratio, of, to', () => {
    const line = jsonLine(RESULTS[0]!, true, HEADER);
    expect(line).toMatch(/^\{"case":"met","ratio":2\.004,"of":1234\.5,"to":616,"unit":"s",/);
    expect(JSON.parse(line)).toEqual({ ...RESULTS[0], quick: true, ...HEADER });
  });
});

describe('the file of results', () => {
  const made = (name: string) => section(name, { summary: `About ${name}.` }, HEADER, RESULTS);

  test('has a section a benchmark, in the order of their names; another run changes its own alone', () => {
    const folder = temporaryFolder();
    const file = join(folder, 'RESULTS.md');
    for (const name of ['scoring', 'null', 'pytorch']) writeSection(file, name, made(name));
    const before = readFileSync(file, 'utf8');
    expect([...before.matchAll(/^## (.*)$/gm)].map((match) => match[1])).toEqual([
      'null',
      'pytorch',
      'scoring',
    ]);
    expect(before).toMatch(/^# /);
    expect(before).toContain('| met | 1,235 | 616 | s | 2 | 2 ✓ | a \\| b |');

    writeSection(file, 'pytorch', made('pytorch'));
    expect(readFileSync(file, 'utf8')).toBe(before);
    const other = section('pytorch', { summary: 'Anew.' }, HEADER, RESULTS.slice(2));
    writeSection(file, 'pytorch', other);
    expect(readFileSync(file, 'utf8')).toBe(before.replace(made('pytorch'), other));
    expect(readdirSync(folder)).toEqual(['RESULTS.md']);
  });

  test('keeps what people wrote above and in other sections', () => {
    const file = join(temporaryFolder(), 'RESULTS.md');
    writeFileSync(file, '# Mine\n\nWords.\n\n## null\n\n### Notes\n\n## remarks\n\nMore.\n');
    writeSection(file, 'null', made('null'));
    expect(readFileSync(file, 'utf8')).toBe(`# Mine\n\nWords.\n\n${made('null')}\n## remarks\n\nMore.\n`);
  });

  test('is the same whatever the order of the runs', () => {
    const names = ['activations', 'null', 'pytorch', 'scale', 'scoring'];
    fc.assert(
      fc.property(fc.shuffledSubarray(names), fc.shuffledSubarray(names), (first, again) => {
        const run = (text: string, order: readonly string[]) =>
          order.reduce((done, name) => withSection(done, name, made(name)), text);
        const text = run('# Results\n', [...first, ...again]);
        expect(text).toBe(run('# Results\n', [...new Set([...first, ...again])].sort()));
      }),
    );
  });
});
