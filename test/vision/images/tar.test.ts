import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isUserError } from '../../../common/errors.ts';
import { scanTar } from '../../../vision/images/sources/tar.ts';
import { temporaryFolder } from '../../support/fake-task.ts';
import { INSTALL, pythonWith, runPython } from '../../support/python.ts';
import { END, headerBlock, pack, padded, writeTar } from './tars.ts';

const folder = temporaryFolder();
let made = 0;
const fresh = () => join(folder, `${made++}.tar`);

async function stored(bytes: Buffer): Promise<string> {
  const path = fresh();
  await writeFile(path, bytes);
  return path;
}

/** Names and contents of what the scan finds, the contents read from the file at the place it gives. */
async function scanned(path: string): Promise<[string, string][]> {
  const bytes = await readFile(path);
  const found: [string, string][] = [];
  for await (const { name, offset, size, read } of scanTar(path)) {
    const content = bytes.toString('utf8', offset, offset + size);
    expect((await read()).toString('utf8')).toBe(content);
    found.push([name, content]);
  }
  return found;
}

async function refusal(path: string): Promise<string> {
  const error = await scanned(path).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(isUserError(error), String(error)).toBe(true);
  expect((error as Error).message).toContain(path);
  return (error as Error).message;
}

describe('what it reads', () => {
  test('members of tar-stream, also with names that need pax headers', async () => {
    const long = `${'folder/'.repeat(40)}n.jpg`;
    const members: [string, string][] = [
      ['a.jpg', 'one'],
      ['b/c.png', 'x'.repeat(2000)],
      [long, 'long'],
      ['ünï/文字.jpg', 'names'],
      ['empty.txt', ''],
    ];
    expect(await scanned(await writeTar(fresh(), members))).toEqual(members);
  });

  test('any names and contents', async () => {
    const name = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 150 })
      .filter((text) => !/[\0/\\]|^\.{1,2}$|^[A-Za-z]:/.test(text));
    const member = fc.tuple(name, fc.string({ unit: 'grapheme-ascii', maxLength: 1500 }));
    await fc.assert(
      fc.asyncProperty(fc.array(member, { maxLength: 5 }), async (members) => {
        expect(await scanned(await writeTar(fresh(), members))).toEqual(members);
      }),
      { numRuns: 60 },
    );
  });

  test('`./` and doubled slashes are taken out of names; folders are passed over', async () => {
    const path = await writeTar(fresh(), [
      [{ name: './a/', type: 'directory' }, ''],
      ['./a//b.jpg', '1'],
    ]);
    expect(await scanned(path)).toEqual([['a/b.jpg', '1']]);
  });

  test('sizes as binary numbers, and v7 headers with blanks', async () => {
    const binary = Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3]);
    const bytes = [headerBlock('a', binary), padded('abc'), headerBlock('b', '         2 \0', '\0', '')];
    expect(await scanned(await stored(Buffer.concat([...bytes, padded('de'), END])))).toEqual([
      ['a', 'abc'],
      ['b', 'de'],
    ]);
  });

  test('a tar of nothing has no members', async () => {
    expect(await scanned(await stored(END))).toEqual([]);
  });

  test("members beyond the window's reach", async () => {
    const members = Array.from({ length: 9 }, (_, i): [string, string] => [
      `${i}.bin`,
      `${i}`.repeat(30_000),
    ]);
    expect(await scanned(await writeTar(fresh(), members))).toEqual(members);
  });
});

describe('what it refuses, by the tar and the member', () => {
  test.each(['../evil.jpg', 'a/../../evil.jpg', '/etc/passwd', 'a\\..\\b.jpg', 'C:\\x.jpg', '..'])(
    'a member named %s',
    async (name) => {
      const bytes = Buffer.concat([headerBlock(name, '00000000001\0'), padded('x'), END]);
      expect(await refusal(await stored(bytes))).toContain(JSON.stringify(name));
    },
  );

  test('a hostile name in a pax header', async () => {
    const path = await writeTar(fresh(), [[{ name: 'a.jpg', pax: { path: '../a.jpg' } }, 'x']]);
    expect(await refusal(path)).toContain('"../a.jpg"');
  });

  test.each(['symlink', 'link'] as const)('a %s', async (type) => {
    const path = await writeTar(fresh(), [[{ name: 'a.jpg', type, linkname: '/etc/passwd' }, '']]);
    expect(await refusal(path)).toMatch(/"a\.jpg" that is a link/);
  });

  test('devices and sparse files', async () => {
    const device = Buffer.concat([headerBlock('dev', '00000000000\0', '3'), END]);
    expect(await refusal(await stored(device))).toMatch(/"dev" that is a device/);
    const sparse = await writeTar(fresh(), [[{ name: 'a.jpg', pax: { 'GNU.sparse.major': '1' } }, 'x']]);
    expect(await refusal(sparse)).toMatch(/sparse/);
  });

  test('a tar that is cut anywhere', async () => {
    const whole = await pack([
      ['a.jpg', 'x'.repeat(700)],
      [`${'n'.repeat(120)}.jpg`, 'y'.repeat(20)],
      ['c.jpg', 'z'],
    ]);
    for (let length = 1; length <= whole.length - 1024; length += length % 512 === 0 ? 1 : 511) {
      expect(await refusal(await stored(whole.subarray(0, length))), `${length}`).toMatch(/cut short/);
    }
  });

  test('compressed tars, and files that are none', async () => {
    expect(await refusal(await stored(gzipSync(await pack([['a', 'b']]))))).toMatch(/compressed \(gzip\)/);
    expect(await refusal(await stored(Buffer.from('hello '.repeat(200))))).toMatch(/not a tar/);
    expect(await refusal(await stored(Buffer.alloc(0)))).toMatch(/0 bytes/);
    await expect(scanTar(join(folder, 'absent.tar')).next()).rejects.toThrow(
      /absent\.tar can't be opened \(ENOENT\)/,
    );
  });

  test('damage in the middle', async () => {
    const whole = await pack([
      ['a.jpg', 'x'],
      ['b.jpg', 'y'],
    ]);
    whole[1024] = 0xff;
    expect(await refusal(await stored(whole))).toMatch(/damaged: at byte 1024/);
    const alone = Buffer.concat([
      headerBlock('a', '00000000000\0'),
      Buffer.alloc(512),
      headerBlock('b', '0'),
    ]);
    expect(await refusal(await stored(alone))).toMatch(/goes on after its end mark at byte 512/);
    const two = Buffer.concat([await pack([['a.jpg', 'x']]), await pack([['b.jpg', 'x']])]);
    expect(await refusal(await stored(two))).toMatch(/strung together/);
  });

  test('absurd sizes', async () => {
    const huge = Buffer.from([0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    expect(await refusal(await stored(Buffer.concat([headerBlock('a', huge), END])))).toMatch(/not a tar/);
    const pax = await writeTar(fresh(), [[{ name: 'a.jpg', pax: { size: '-5' } }, 'x']]);
    expect(await refusal(pax)).toMatch(/header of "a\.jpg"/);
  });

  test('random bytes give a refusal, never a crash', async () => {
    const whole = await pack([
      ['a.jpg', 'x'.repeat(600)],
      [`${'n'.repeat(120)}.jpg`, 'y'],
    ]);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), async (at, value) => {
        const bytes = Buffer.from(whole);
        bytes[at] = value;
        const error = await scanned(await stored(bytes)).catch((thrown: unknown) => thrown);
        if (error instanceof Error) expect(isUserError(error), error.stack).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

const python = pythonWith('tarfile');

describe.skipIf(!python)(`against Python's tarfile (${INSTALL})`, () => {
  const PROGRAM = `
import io, json, sys, tarfile
asked = json.load(sys.stdin)
with tarfile.open(asked["path"], "w", format=getattr(tarfile, asked["format"])) as tar:
    for name, size in asked["members"]:
        info = tarfile.TarInfo(name); info.size = size; info.mtime = 1.5
        tar.addfile(info, io.BytesIO(b"x" * size))
with tarfile.open(asked["path"]) as tar:
    print(json.dumps([[m.name, m.offset_data, m.size] for m in tar if m.isreg()]))
`;
  test.each(['USTAR_FORMAT', 'GNU_FORMAT', 'PAX_FORMAT'])('%s', async (format) => {
    const names = ['a.jpg', `${'d'.repeat(60)}/${'e'.repeat(60)}.jpg`, `${'f'.repeat(99)}`, 'ä/ö.png', 'z'];
    if (format !== 'USTAR_FORMAT') names.push(`${'g/'.repeat(200)}h.jpg`);
    const members = names.map((name, i) => [name, [0, 1, 511, 512, 513, 40_000][i]]);
    const path = fresh();
    const wanted = runPython(python!, PROGRAM, { path, format, members });
    const found: unknown[] = [];
    for await (const { name, offset, size } of scanTar(path)) found.push([name, offset, size]);
    expect(found).toEqual(wanted);
    expect(found).toHaveLength(names.length);
  });
});
