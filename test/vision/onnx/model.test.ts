import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { externalFiles, readModel } from '../../../vision/onnx/model.ts';
import { ModelProtoSchema, StringStringEntryProtoSchema } from '../../../vision/onnx/onnx_pb.ts';
import { bytesOf, folder, type Made, makeProto, node, weight, write } from './make.ts';

const where = folder();

const small: Made = {
  nodes: [node('Conv', ['input', 'conv.weight', 'conv.bias'], 'y'), node('GlobalAveragePool', ['y'], 'out')],
  weights: [weight('conv.weight', [4, 3, 1, 1]), weight('conv.bias', [4])],
  input: ['N', 3, 8, 8],
  output: 'out',
};

/** The same with the convolution's weight in another file. */
function external(name: string, location: string, offset = 0, length = 48): string {
  const proto = makeProto(small);
  const tensor = proto.graph!.initializer[0]!;
  tensor.rawData = new Uint8Array();
  tensor.dataLocation = 1;
  const entries = { location, offset: `${offset}`, length: `${length}` };
  tensor.externalData = Object.entries(entries).map(([key, value]) =>
    create(StringStringEntryProtoSchema, { key, value }),
  );
  const file = path.join(where, name);
  writeFileSync(file, toBinary(ModelProtoSchema, proto));
  return file;
}

const failing = async (file: string) => {
  const error = await readModel(file).then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  expect(error?.name).toBe('UserError');
  return error!.message;
};

describe('readModel', () => {
  it('reads a model, its operator set and its weights as bytes', async () => {
    const model = await readModel(write(where, 'small.onnx', small));
    expect(model.opset).toBe(17);
    expect(model.graph.node.map(({ opType }) => opType)).toEqual(['Conv', 'GlobalAveragePool']);
    expect(model.graph.initializer[0]!.rawData).toHaveLength(48);
    expect(model.external).toEqual([]);
  });

  it('tells what is wrong with files that are no models', async () => {
    const file = (name: string, content: string | Uint8Array) => {
      writeFileSync(path.join(where, name), content);
      return path.join(where, name);
    };
    expect(await failing(file('empty.onnx', ''))).toMatch(/empty\.onnx is empty/);
    expect(await failing(file('page.onnx', '<!DOCTYPE html><html></html>'))).toMatch(/is not an ONNX model/);
    expect(await failing(file('png.onnx', '\x89PNG\r\n\x1a\n'))).toMatch(/is not an ONNX model/);
    expect(await failing(file('lfs.onnx', 'version https://git-lfs.github.com/spec/v1\n'))).toMatch(
      /git lfs pull/,
    );
    expect(await failing(path.join(where, 'none.onnx'))).toMatch(/none\.onnx.*there is no such file/);
    expect(await failing(where)).toMatch(/can't be read/);
    expect(await failing(write(where, 'old.onnx', { ...small, opset: 6 }))).toMatch(
      /operator set 6; at least 7/,
    );
  });

  it('refuses a model that is cut anywhere, and says that it is cut', async () => {
    const whole = bytesOf(small);
    const file = path.join(where, 'cut.onnx');
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: whole.length - 1 }), async (length) => {
        writeFileSync(file, whole.subarray(0, length));
        expect(await failing(file)).toMatch(/cut short/);
      }),
      { numRuns: 60 },
    );
  });

  it('never fails but with a UserError on damaged bytes', async () => {
    const whole = bytesOf(small);
    const file = path.join(where, 'damaged.onnx');
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), async (at, byte) => {
        const bytes = Uint8Array.from(whole);
        bytes[at] = byte;
        writeFileSync(file, bytes);
        const error = await readModel(file).catch((thrown: Error) => thrown);
        if (error instanceof Error) expect(error.name).toBe('UserError');
      }),
      { numRuns: 100 },
    );
  });
});

describe('external data', () => {
  it('lists the files, absolute', async () => {
    mkdirSync(path.join(where, 'weights'), { recursive: true });
    writeFileSync(path.join(where, 'weights', 'a.bin'), new Uint8Array(64));
    const file = external('external.onnx', 'weights/a.bin', 16);
    expect(await externalFiles(file)).toEqual([path.join(where, 'weights', 'a.bin')]);
    expect(await externalFiles(write(where, 'inside.onnx', small))).toEqual([]);
  });

  it('may be reached through a link, as in caches of model hubs', async () => {
    symlinkSync(path.join(where, 'weights', 'a.bin'), path.join(where, 'link.bin'));
    expect(await externalFiles(external('linked.onnx', 'link.bin'))).toHaveLength(1);
  });

  it('tells what is missing, cut short or outside', async () => {
    expect(await failing(external('missing.onnx', 'none.bin'))).toMatch(/none\.bin, which doesn't exist/);
    writeFileSync(path.join(where, 'short.bin'), new Uint8Array(64));
    truncateSync(path.join(where, 'short.bin'), 20);
    expect(await failing(external('short.onnx', 'short.bin'))).toMatch(
      /cut short: it has 20 bytes, the model needs 48/,
    );
    for (const location of ['../a.bin', '/etc/passwd', 'weights/../../a.bin', '', '.']) {
      expect(await failing(external('outside.onnx', location))).toMatch(/not inside the model's folder/);
    }
  });
});
