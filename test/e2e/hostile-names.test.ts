import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseCsv } from '../../tables/csv.ts';
import { pythonWith, runPython } from '../support/python.ts';
import { type HostileProject, hostileProject, picture } from './hostile-project.ts';

const CLASSES = [
  '<script>alert(1)<',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(2)",
  'two\nlines\r',
  '\u202egnp.exe',
  'c'.repeat(255),
  '=HYPERLINK("http:,,x")',
  '&lt;b&gt; ${x} {{y}} %s',
];
const FILES = ['<b>&amp;.png', 'a "quoted", name;\n.png', `${'n'.repeat(251)}.png`, "it's\t-\u2067.png"];
const NAMES = CLASSES.flatMap((one) => FILES.map((file) => ({ label: one, path: `${one}/${file}` })));

const PLAIN = NAMES.map((_, i) => ({ label: `class-${i >> 2}`, path: `class-${i >> 2}/${i & 3}.png` }));

interface Tag {
  readonly name: string;
  readonly attributes: readonly string[];
}

const PARSER = `
import json, sys
from html.parser import HTMLParser
found = []
class Reader(HTMLParser):
    def handle_starttag(self, tag, attrs):
        found.append({'name': tag, 'attributes': sorted(name for name, _ in attrs)})
Reader(convert_charrefs=True).feed(open(json.load(sys.stdin), encoding='utf8', newline='').read())
print(json.dumps(found))
`;

async function made(names: readonly { path: string; label: string }[]): Promise<HostileProject> {
  const project = hostileProject({
    report: { title: names === NAMES ? '<script>alert(3)</script>' : 'plain' },
  });
  for (const [i, { path, label }] of names.entries()) {
    mkdirSync(join(project.data, label), { recursive: true });
    writeFileSync(join(project.data, path), await picture(i));
  }
  // Bytes that are no UTF-8: no text stands for that name, so the image is left out.
  const folder = Buffer.from(`${project.data}/${names[0]!.label}/`);
  const raw = Buffer.concat([folder, Buffer.from([0x61, 0xff, 0xfe]), Buffer.from('.png')]);
  writeFileSync(raw, await picture(99));
  return project;
}

describe('names out of hell', () => {
  let hostile: HostileProject;
  let plain: HostileProject;
  let output = '';

  beforeAll(async () => {
    [hostile, plain] = [await made(NAMES), await made(PLAIN)];
    const before = hostile.listing();
    const run = await hostile.run();
    output = run.output;
    expect(run.code, run.output).toBe(0);
    expect(hostile.listing()).toEqual(before);
    const other = await plain.run();
    expect(other.code, other.output).toBe(0);
  }, 300_000);

  const tags = (python: string, project: HostileProject) =>
    runPython<Tag[]>(python, PARSER, join(project.dir, 'report', 'index.html'));

  const python = pythonWith('html.parser');
  it.skipIf(!python)('put no element and no attribute into the page', () => {
    const found = tags(python!, hostile);
    const kinds = (all: readonly Tag[]) =>
      [...new Set(all.map(({ name, attributes }) => [name, ...attributes].join(' ')))].sort();
    const expected = tags(python!, plain);
    const counted = (all: readonly Tag[], name: string) => all.filter((tag) => tag.name === name).length;
    expect(kinds(found)).toEqual(kinds(expected));
    for (const name of ['script', 'img', 'iframe', 'link', 'style', 'svg', 'li']) {
      expect(counted(found, name), name).toBe(counted(expected, name));
    }
    expect(found.flatMap(({ attributes }) => attributes).filter((name) => name.startsWith('on'))).toEqual([]);
  });

  it('are shown without characters that turn or hide', () => {
    const page = readFileSync(join(hostile.dir, 'report', 'index.html'), 'utf8');
    expect(page).not.toMatch(/[\u202a-\u202e\u2066-\u2069]/);
    for (const hidden of ['\0', '\x07', '\x1b', '\r']) expect(page).not.toContain(hidden);
    expect(page).not.toContain('<script>alert');
    expect(page).toContain('&lt;script&gt;alert(3)&lt;/script&gt;');
  });

  it('come back from CSV and Parquet as they were', async () => {
    const folder = join(hostile.dir, 'report', 'tables');
    const byPath = (a: { path: unknown }, b: { path: unknown }) => (String(a.path) < String(b.path) ? -1 : 1);
    const expected = NAMES.map(({ path, label }) => ({ path, label })).sort(byPath);
    const csv = parseCsv(readFileSync(join(folder, 'images.csv'), 'utf8'));
    expect(csv.rows.map(({ path, label }) => ({ path, label })).sort(byPath as never)).toEqual(expected);
    const bytes = readFileSync(join(folder, 'images.parquet'));
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
    const rows = (await parquetReadObjects({ file, columns: ['path', 'label'] })) as {
      path: string;
      label: string;
    }[];
    expect(rows.map(({ path, label }) => ({ path, label })).sort(byPath)).toEqual(expected);
  });

  it('that are no UTF-8 are left out, and told', () => {
    expect(output).toContain('1 image');
    const page = readFileSync(join(hostile.dir, 'report', 'index.html'), 'utf8');
    expect(page).toContain('its name is not valid UTF-8');
  });
});
