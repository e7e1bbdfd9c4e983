import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { readYaml } from '../../engine/spec/yaml-file.ts';
import { decode } from '../../vision/images/decode.ts';
import { listImages } from '../../vision/images/sources/index.ts';
import { readModel } from '../../vision/onnx/model.ts';
import { ModelProtoSchema } from '../../vision/onnx/onnx_pb.ts';
import { modelItems, OUTSIDE } from '../fuzz/corpus/models.ts';
import { pngOf } from '../fuzz/mutate/images.ts';
import { temporaryFolder } from '../support/fake-task.ts';
import { pack, writeTar } from '../vision/images/tars.ts';
import { hostileProject, picture } from './hostile-project.ts';

const refusal = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => new Error('nothing was thrown'),
    (error: Error) => error,
  );

async function listed(file: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of listImages([file], { format: 'webdataset', columns: {} })) paths.push(path);
  return paths;
}

/** A PNG of one colour: a few hundred bytes a megapixel, or fewer when the rows that it says aren't there. */
function bomb(width: number, height: number, rows = 1): Buffer {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head[8] = 1;
  const data = deflateSync(Buffer.alloc((1 + Math.ceil(width / 8)) * rows));
  const chunks = [
    { type: 'IHDR', data: head },
    { type: 'IDAT', data },
    { type: 'IEND', data: Buffer.alloc(0) },
  ];
  return pngOf(chunks);
}

function patched(bytes: Buffer, at: number, value: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  value.copy(copy, at);
  return copy;
}

describe('decompression bombs', () => {
  it('are refused by their header, in no time, with the limit', async () => {
    const jpeg = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
      .jpeg()
      .toBuffer();
    const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0])) + 5;
    const webp = await sharp({ create: { width: 8, height: 8, channels: 4, background: '#f008' } })
      .webp()
      .toBuffer();
    const canvas = webp.indexOf('VP8X') + 12;
    const bombs = {
      'a.png': bomb(100_000, 100_000),
      'b.png': bomb(0x7fffffff, 0x7fffffff),
      'c.jpg': patched(jpeg, frame, Buffer.from([0xff, 0xff, 0xff, 0xff])),
      'd.webp': patched(webp, canvas, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
    };
    for (const [name, bytes] of Object.entries(bombs)) {
      const before = process.memoryUsage().rss;
      const started = Date.now();
      const error = await refusal(decode(bytes, name, 'apply'));
      expect(error, name).toMatchObject({
        name: 'UserError',
        message: expect.stringContaining(`The image ${name} can't be decoded`),
      });
      expect(Date.now() - started, name).toBeLessThan(5000);
      expect(process.memoryUsage().rss - before, name).toBeLessThan(300 * 2 ** 20);
    }
    const told = await refusal(decode(bombs['a.png'], 'a.png', 'apply'));
    expect(told.message).toContain('100000 × 100000 pixels are more than the 268435456 that are allowed');
  });

  it('of 100 megapixels run through in bounded memory; larger ones are left out and told', async () => {
    const project = hostileProject();
    for (let i = 0; i < 20; i++) writeFileSync(join(project.data, `${i}.png`), await picture(i));
    const white = { width: 10_000, height: 10_000, channels: 3, background: 'white' } as const;
    writeFileSync(join(project.data, 'large.jpg'), await sharp({ create: white }).jpeg().toBuffer());
    for (let i = 0; i < 4; i++)
      writeFileSync(join(project.data, `large-${i}.png`), bomb(10_000, 10_000 - i, 10_000 - i));
    writeFileSync(join(project.data, 'bomb.png'), bomb(100_000, 100_000));
    const { code, output, peakMiB } = await project.run();
    expect(code, output).toBe(0);
    expect(output).toContain("1 image can't be decoded and was left out; the first: bomb.png");
    // One such image takes 300 MB, and as much again on its way through the decoder.
    expect(peakMiB).toBeLessThan(2500);
  }, 300_000);
});

describe('tars', () => {
  const tricks: Record<string, Parameters<typeof pack>[0]> = {
    'climbs out': [['../../evil.png', 'x']],
    'climbs out with a backslash': [['a\\..\\..\\evil.png', 'x']],
    'is absolute': [['/tmp/evil.png', 'x']],
    'climbs out within': [['a/../../evil.png', 'x']],
    'is a symbolic link': [[{ name: 'a.png', type: 'symlink', linkname: '/etc/passwd' }, '']],
    'is a hard link': [[{ name: 'a.png', type: 'link', linkname: '/etc/passwd' }, '']],
    'is a device': [[{ name: 'a.png', type: 'character-device' }, '']],
    'is there twice': [
      ['a.png', 'x'],
      ['a.png', 'y'],
    ],
  };
  it.each(Object.entries(tricks))('with a member that %s are refused', async (_, members) => {
    const file = await writeTar(join(temporaryFolder(), 'x.tar'), members);
    const error = await refusal(listed(file));
    expect(error).toMatchObject({ name: 'UserError', message: expect.stringContaining('x.tar') });
  });

  it('end a run with one paragraph and write nothing', async () => {
    const project = hostileProject({ dataset: { path: 'data/x.tar' } });
    await writeTar(join(project.data, 'x.tar'), [['../../../evil.png', await picture(1)]]);
    const before = project.listing();
    const { code, output } = await project.run();
    expect(code).toBe(1);
    expect(output).toContain('climbs out with ".."');
    expect(output).not.toMatch(/\n\s+at /);
    expect(project.listing()).toEqual(before);
  }, 120_000);

  it('with names that are no UTF-8 can be read', async () => {
    const [a, b] = [await picture(1), await picture(2)];
    const bytes = await pack([
      ['a/X.png', a],
      ['b/Y.png', b],
    ]);
    // Names that are not ASCII: the header's checksum is made right by hand.
    bytes[bytes.indexOf('a/X.png') + 2] = 0xff;
    const sum = Number.parseInt(bytes.toString('latin1', 148, 154), 8) + 0xff - 'X'.charCodeAt(0);
    bytes.write(sum.toString(8).padStart(6, '0'), 148);
    const file = join(temporaryFolder(), 'x.tar');
    writeFileSync(file, bytes);
    expect(await listed(file)).toEqual(['x.tar/a/\ufffd.png', 'x.tar/b/Y.png']);
  });
});

describe('ONNX weights outside the model', () => {
  const external = modelItems().find(({ name }) => name === 'external.onnx')!.bytes;
  const located = (location: string): Uint8Array => {
    const proto = fromBinary(ModelProtoSchema, external);
    proto.graph!.initializer[0]!.externalData[0]!.value = location;
    return toBinary(ModelProtoSchema, proto);
  };

  it.each([
    '../weights.bin',
    '/etc/passwd',
    'inside/../../weights.bin',
    '..',
    '',
    'link.bin',
    'linked/weights.bin',
  ])('at "%s" are refused', async (location) => {
    const parent = temporaryFolder();
    const folder = join(parent, 'model');
    mkdirSync(folder);
    mkdirSync(join(parent, 'other'));
    for (const name of ['weights.bin', 'other/weights.bin']) writeFileSync(join(parent, name), OUTSIDE);
    symlinkSync(join(parent, 'weights.bin'), join(folder, 'link.bin'));
    symlinkSync(join(parent, 'other'), join(folder, 'linked'));
    const file = join(folder, 'model.onnx');
    writeFileSync(file, located(location));
    const error = await refusal(readModel(file));
    expect(error).toMatchObject({ name: 'UserError', message: expect.stringContaining('model.onnx') });
  });

  it('are found beside it, also where both are links into one folder', async () => {
    const [blobs, snapshot] = [temporaryFolder(), temporaryFolder()];
    writeFileSync(join(blobs, 'aa'), located('weights.bin'));
    writeFileSync(join(blobs, 'bb'), OUTSIDE);
    symlinkSync(join(blobs, 'aa'), join(snapshot, 'model.onnx'));
    symlinkSync(join(blobs, 'bb'), join(snapshot, 'weights.bin'));
    expect((await readModel(join(snapshot, 'model.onnx'))).external).toEqual([join(snapshot, 'weights.bin')]);
    const copy = temporaryFolder();
    cpSync(snapshot, copy, { recursive: true, dereference: true });
    expect((await readModel(join(copy, 'model.onnx'))).external).toHaveLength(1);
  });
});

describe('YAML', () => {
  const level = (i: number) =>
    `a${i}: &a${i} [${new Array(9).fill(i === 0 ? 'x' : `*a${i - 1}`).join(', ')}]\n`;
  const texts: Record<string, string> = {
    'anchors that multiply': Array.from({ length: 12 }, (_, i) => level(i)).join(''),
    'an anchor within itself': 'a: &a [*a, *a]\n',
    'merge keys that multiply': Array.from(
      { length: 10 },
      (_, i) => `b${i}: &b${i} {x: [${new Array(9).fill(i ? `*b${i - 1}` : 'y')}]}\n`,
    ).join(''),
    'lists in lists': `a: ${'['.repeat(100_000)}\n`,
    'keys of keys': `${'? '.repeat(20_000)}\n`,
    'lists without end': `${'- '.repeat(20_000)}x\n`,
    'ten megabytes': `a: ${'x'.repeat(10 << 20)}\n`,
    'a zero byte': 'a: "x\\0y"\n',
  };
  it.each(Object.entries(texts))('with %s is refused within seconds', (name, text) => {
    const file = join(temporaryFolder(), 'config.yaml');
    writeFileSync(file, text);
    const started = Date.now();
    expect(() => readYaml(file), name).toThrow(expect.objectContaining({ name: 'UserError' }));
    expect(Date.now() - started).toBeLessThan(10_000);
  });
});
