import { readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { UserError } from '../../common/errors.ts';
import { type GraphProto, type ModelProto, ModelProtoSchema, type TensorProto } from './onnx_pb.ts';

/** Element types of tensors (onnx.TensorProto.DataType) that the program deals with. */
export const FLOAT = 1;
export const UINT8 = 2;
export const INT8 = 3;
export const INT32 = 6;
export const INT64 = 7;
export const FLOAT16 = 10;
export const DOUBLE = 11;
export const BFLOAT16 = 16;

/** Kinds of attributes (onnx.AttributeProto.AttributeType) that the program writes. */
export const ATTRIBUTE_INT = 2;
export const ATTRIBUTE_TENSOR = 4;
export const ATTRIBUTE_INTS = 7;

/** Where a tensor's values lie when not in the model (onnx.TensorProto.DataLocation). */
export const EXTERNAL = 1;

/** Oldest version of the default operator set that the runtime supports. */
const LOWEST_OPSET = 7;

/** An ONNX file that was read; weights stay undecoded bytes. */
export interface Model {
  /** Absolute path. */
  readonly file: string;
  /** The bytes of the file. `proto` refers into them: don't change them. */
  readonly bytes: Uint8Array;
  readonly proto: ModelProto;
  readonly graph: GraphProto;
  /** Version of the default operator set. */
  readonly opset: number;
  /** Files with external data, absolute paths, sorted. */
  readonly external: readonly string[];
}

/**
 * Reads an ONNX file. Throws a UserError when it is missing, empty, no ONNX model, cut short, of an operator set
 * before 7, or when external data is missing, too short or outside the model's folder.
 */
export async function readModel(file: string): Promise<Model> {
  const absolute = path.resolve(file);
  const bytes = await readFile(absolute).catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === 'ENOENT' ? 'there is no such file' : (error.code ?? error.message);
    throw new UserError(`The ONNX model ${file} can't be read: ${reason}.`);
  });
  const proto = decode(file, bytes);
  const { graph } = proto;
  const opset = Number(
    proto.opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx')?.version,
  );
  if (!graph || graph.node.length === 0 || !Number.isInteger(opset)) {
    throw new UserError(
      `The ONNX model ${file} is incomplete: it has no graph or doesn't say its operator set. It may have been cut ` +
        'short while it was copied; copy or export it again.',
    );
  }
  if (opset < LOWEST_OPSET) {
    throw new UserError(
      `The ONNX model ${file} uses operator set ${opset}; at least ${LOWEST_OPSET} is needed. Export it again with a newer opset_version, or convert it with onnx.version_converter.`,
    );
  }
  const external = await externalData(file, graph);
  return { file: absolute, bytes, proto, graph, opset, external };
}

/**
 * Absolute paths of the files with external data that a model refers to. A file in which the key of such references
 * doesn't occur has none, and isn't decoded. Errors as `readModel`.
 */
export async function externalFiles(file: string): Promise<string[]> {
  const bytes = await readFile(file).catch(() => undefined);
  if (bytes && !bytes.includes('location')) return [];
  return [...(await readModel(file)).external];
}

/**
 * Throws a UserError when batch norms of the model take their statistics from the batch, as they do in a model that was
 * exported in training mode: an image's activations would depend on the images around it.
 */
export function checkInference({ file, graph, opset }: Model): void {
  const training = graph.node.find(
    ({ opType, output, attribute }) =>
      opType === 'BatchNormalization' &&
      (opset < 14
        ? output.length > 1
        : attribute.some(({ name, i }) => name === 'training_mode' && i !== 0n)),
  );
  if (!training) return;
  throw new UserError(
    `The model ${file} was exported in training mode: its batch norm "${training.name || training.output[0]}" averages over the images of a batch. Call model.eval() before exporting, and export with training=TrainingMode.EVAL or PRESERVE.`,
  );
}

function decode(file: string, bytes: Uint8Array): ModelProto {
  if (bytes.length === 0) throw new UserError(`The ONNX model ${file} is empty.`);
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(64, bytes.length)).toString('latin1');
  if (start.startsWith('version https://git-lfs')) {
    throw new UserError(
      `${file} is a Git LFS pointer, not the ONNX model itself. Fetch it with \`git lfs pull\`.`,
    );
  }
  try {
    const proto = fromBinary(ModelProtoSchema, bytes);
    if (proto.irVersion > 0n || proto.graph) return proto;
  } catch {
    // Told below: a decoder's words don't help a person.
  }
  // A model starts with its version of the format: field 1, a small number.
  const plausible = bytes[0] === 0x08 && bytes.length > 1 && bytes[1]! > 0 && bytes[1]! < 32;
  throw new UserError(
    plausible
      ? `The ONNX model ${file} is damaged or cut short (it has ${bytes.length} bytes). Copy or export it again.`
      : `${file} is not an ONNX model.`,
  );
}

/** True when a graph has weights of float16, or converts something to it. */
export function holdsFloat16(graph: GraphProto): boolean {
  for (const { dataType } of tensorsOf(graph)) if (dataType === FLOAT16) return true;
  return graph.node.some(
    ({ opType, attribute }) =>
      opType === 'Cast' && attribute.some(({ name, i }) => name === 'to' && i === BigInt(FLOAT16)),
  );
}

/** Every tensor with a value that the graph holds: initializers and constants, also in its subgraphs. */
export function* tensorsOf(graph: GraphProto): Generator<TensorProto> {
  yield* graph.initializer;
  for (const node of graph.node) {
    for (const attribute of node.attribute) {
      if (attribute.t) yield attribute.t;
      if (attribute.g) yield* tensorsOf(attribute.g);
      for (const inner of attribute.graphs) yield* tensorsOf(inner);
    }
  }
}

/**
 * Whether a file, links followed, lies below the folder of the model, or below the one that the model itself is linked
 * from (caches keep both as links into a folder of blobs).
 */
async function liesBeside(target: string, file: string): Promise<boolean> {
  const [real, folder, model] = await Promise.all([
    realpath(target),
    realpath(path.dirname(path.resolve(file))),
    realpath(file),
  ]);
  return [folder, path.dirname(model)].some((below) => real.startsWith(`${below}${path.sep}`));
}

/** Checks where external data lies; returns the files' absolute paths. */
async function externalData(file: string, graph: GraphProto): Promise<string[]> {
  const folder = path.dirname(path.resolve(file));
  const needed = new Map<string, number>();
  for (const tensor of tensorsOf(graph)) {
    if (tensor.dataLocation !== EXTERNAL) continue;
    const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]));
    const location = entries.get('location') ?? '';
    const target = path.resolve(folder, location);
    const relative = path.relative(folder, target);
    if (
      location === '' ||
      path.isAbsolute(location) ||
      relative === '' ||
      relative.split(path.sep)[0] === '..'
    ) {
      throw new UserError(
        `The ONNX model ${file} keeps the tensor "${tensor.name}" in "${location}", which is not inside the model's ` +
          'folder. External data must lie beside the model: export it again, or move the file there.',
      );
    }
    const end = Number(entries.get('offset') ?? 0) + Number(entries.get('length') ?? 0);
    needed.set(target, Math.max(needed.get(target) ?? 0, end));
  }
  for (const [target, end] of needed) {
    const found = await stat(target).catch(() => undefined);
    if (found && !(await liesBeside(target, file))) {
      throw new UserError(
        `The ONNX model ${file} keeps its weights in ${target}, which is a link out of the model's folder. Put the file itself there.`,
      );
    }
    if (!found?.isFile()) {
      throw new UserError(
        `The ONNX model ${file} keeps its weights in ${target}, which doesn't exist. Copy that file beside the model.`,
      );
    }
    if (found.size < end) {
      throw new UserError(
        `The file ${target} with weights of the ONNX model ${file} is cut short: it has ${found.size} bytes, the model needs ${end}. Copy it again.`,
      );
    }
  }
  return [...needed.keys()].sort();
}
