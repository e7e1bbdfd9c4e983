import { createHash } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import sharp from 'sharp';
import { type Attributes, encode, floatTensor, makeNode, makeValue } from '../../vision/onnx/build.ts';
import { FLOAT } from '../../vision/onnx/model.ts';
import {
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  OperatorSetIdProtoSchema,
} from '../../vision/onnx/onnx_pb.ts';

/** Images of a class. */
const IN_CLASS = 1000;
/** Height and width of an image, and of what the networks take. */
const SIDE = 8;

/** Files of pictures and networks, below the folder of a run of the benchmark. */
export const pictureFile = (dir: string, image: number): string =>
  join(dir, 'pictures', className(Math.floor(image / IN_CLASS)), fileName(image % IN_CLASS));
export const folderOf = (dir: string, images: number): string => join(dir, `folder-${images}`);
export const networkFile = (dir: string, network: 'one' | 'pair'): string => join(dir, `${network}.onnx`);

const className = (index: number): string => `n${`${index}`.padStart(8, '0')}`;
const fileName = (index: number): string => `ILSVRC2012_train_${`${index}`.padStart(8, '0')}.png`;

/**
 * Lays out a million picture files that are a few: a folder of hard links to one image, and links to that folder in the place of
 * classes. `pictures` has them all; a folder for each of `sizes` has the first so many of them as a data set.
 */
export async function layPictures(dir: string, most: number, sizes: readonly number[]): Promise<void> {
  const one = join(dir, 'one.png');
  const grey = { width: SIDE, height: SIDE, channels: 3, background: { r: 90, g: 120, b: 150 } } as const;
  writeFileSync(one, await sharp({ create: grey }).png().toBuffer());
  const link = (folder: string, images: number, name: string) => {
    mkdirSync(folder);
    for (let i = 0; i < Math.min(IN_CLASS, images); i++) linkSync(one, join(folder, fileName(i)));
    const classes = join(dir, name);
    mkdirSync(classes);
    for (let i = 0; i < images / IN_CLASS; i++) symlinkSync(folder, join(classes, className(i)));
  };
  link(join(dir, 'class'), most, 'pictures');
  for (const images of sizes) link(join(dir, `class-${images}`), images, `folder-${images}`);
}

/** What all pictures are: so many bytes, with this SHA-256, so many pixels high and wide. */
export function pictureFacts(dir: string) {
  const bytes = readFileSync(join(dir, 'one.png'));
  return { bytes: bytes.length, digest: createHash('sha256').update(bytes).digest(), side: SIDE };
}

/** Writes two small networks: of one image, eight units and ten logits; of two, the mean square of their difference. */
export function writeNetworks(dir: string): void {
  const weights = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(i + 1));
  const image = (name: string) => makeValue(name, FLOAT, ['N', 3, SIDE, SIDE]);
  const node = (type: string, from: string[], to: string, attributes: Attributes = {}) =>
    makeNode(type, from, [to], attributes);
  const write = (name: 'one' | 'pair', inputs: string[], nodes: NodeProto[], shape: (string | number)[]) => {
    const graph = create(GraphProtoSchema, {
      name,
      node: nodes,
      initializer: [
        floatTensor([8, 3, 3, 3], weights(216), 'kernel'),
        floatTensor([8, 10], weights(80), 'matrix'),
      ],
      input: inputs.map(image),
      output: [makeValue('out', FLOAT, shape)],
    });
    const opsetImport = [create(OperatorSetIdProtoSchema, { domain: '', version: 17n })];
    writeFileSync(
      networkFile(dir, name),
      encode(create(ModelProtoSchema, { irVersion: 8n, graph, opsetImport })),
    );
  };
  const pooled = [
    node('Conv', ['input', 'kernel'], 'conv', { kernel_shape: [3, 3] }),
    node('GlobalAveragePool', ['conv'], 'mean'),
    node('Flatten', ['mean'], 'flat', { axis: 1 }),
    node('MatMul', ['flat', 'matrix'], 'out'),
  ];
  const difference = [
    node('Sub', ['input', 'second'], 'difference'),
    node('Mul', ['difference', 'difference'], 'square'),
    node('ReduceMean', ['square'], 'out', { axes: [1, 2, 3], keepdims: 0 }),
  ];
  write('one', ['input'], pooled, ['N', 10]);
  write('pair', ['input', 'second'], difference, ['N']);
}
