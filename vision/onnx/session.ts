import path from 'node:path';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { UserError } from '../../common/errors.ts';
import { free } from '../../common/free.ts';
import { indexOf, providerOf } from './devices.ts';
import { PIXELS } from './input.ts';

export type { InferenceSession, Tensor };

/** What a session runs on. */
export interface Inference {
  /** Name of a device, such as `cuda:1` (never `auto`); default: `cpu`. */
  readonly device?: string;
  /** Threads of the processor that compute one batch; default: 1. */
  readonly threads?: number | undefined;
  /** `float16` converts a network of float32; default: as the file has it. */
  readonly precision?: 'float32' | 'float16' | undefined;
}

let loaded: Promise<typeof import('onnxruntime-node')> | undefined;

/**
 * The runtime, loaded when it is first needed: 100 ms that `mis --help` shouldn't pay. Asked for once a thread: where a loader
 * is registered, every `import` asks its thread, whatever is loaded.
 */
function runtime() {
  loaded ??= import('onnxruntime-node');
  return loaded;
}

export interface SessionOptions extends Inference {
  /** The model's file: for messages, and its folder for external data. */
  readonly file: string;
  /** False for a session that is asked for shapes only or runs a few images. */
  readonly optimise: boolean;
  /**
   * True for a model with float16 inside: the runtime's last level of optimisation fails on written-out norms of such, and
   * ends the process on some (its 1.27: SimplifiedLayerNormFusion, NchwcTransformer).
   */
  readonly holdsFloat16?: boolean;
}

/** A device as the runtime is told of it. */
export function executionProvider(device: string): InferenceSession.ExecutionProviderConfig {
  const provider = providerOf(device);
  return provider === 'cuda' || provider === 'dml' ? { name: provider, deviceId: indexOf(device) } : provider;
}

/**
 * Creates a session, by default on the CPU with one thread, so that several tasks can run side by side. Blocks the thread. Throws a UserError with the runtime's reason when it can't load the model.
 */
export async function createSession(bytes: Uint8Array, options: SessionOptions): Promise<InferenceSession> {
  const { InferenceSession } = await runtime();
  const { device = 'cpu', threads = 1 } = options;
  try {
    return await InferenceSession.create(bytes, {
      executionProviders: [executionProvider(device)],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      // Laying memory out ahead is no faster here, and takes 40 % more of it (ResNet-50, all layers, batch 8).
      enableMemPattern: false,
      graphOptimizationLevel: options.optimise ? (options.holdsFloat16 ? 'extended' : 'all') : 'disabled',
      logSeverityLevel: 4,
      extra: {
        session: {
          model_external_initializers_file_folder_path: path.dirname(options.file),
          // Else what computes with quantised numbers is joined where nothing is tapped between, and rounds otherwise: a
          // layer's activations would depend on which other layers are chosen, and on the processor.
          disable_quant_qdq: '1',
        },
      },
    });
  } catch (error) {
    const where = device === 'cpu' ? '' : ` on ${device}`;
    throw new UserError(`onnxruntime can't load the model ${options.file}${where}: ${reason(error)}`);
  }
}

/**
 * A batch has at least so many rows, others than those asked for being black images: the runtime averages in another order
 * when a batch has one row, or fewer than there are threads, and last bits of results would depend on both.
 */
export function leastRows({ threads = 1 }: Inference): number {
  return Math.max(2, threads);
}

/** The same for a model that is bound to a batch size: no more threads than rows. */
export function boundTo(batch: number | undefined, inference: Inference = {}): Inference {
  return batch === undefined ? inference : { ...inference, threads: Math.min(batch, inference.threads ?? 1) };
}

/**
 * Runs a session on images: uint8 RGB [count, height, width, 3], flat. Gives each output's values, flat, and shape.
 * Blocks the thread. Throws a UserError with the runtime's reason.
 */
export async function runPixels(
  session: InferenceSession,
  images: Uint8Array,
  count: number,
  size: { readonly height: number; readonly width: number },
  outputs: readonly string[],
  file: string,
  into?: Into,
): Promise<Map<string, Value>> {
  const feeds = {
    [PIXELS]: { type: 'uint8', data: images, dims: [count, size.height, size.width, 3] },
  } as const;
  const batch = `a batch of ${count} images of ${size.height} × ${size.width} pixels`;
  return runFeeds(session, feeds, outputs, `The model ${file} failed on ${batch}`, into);
}

/** Values of an input: bytes or float32, flat, and their shape. */
export interface Feed {
  readonly type: 'uint8' | 'float32';
  readonly data: Uint8Array | Float32Array;
  readonly dims: readonly number[];
}

/** What a session puts out: values, flat, and shape. */
export interface Value {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/**
 * Outputs of a run by their names. The next run of as many images computes into them; what it puts out is a copy that the runtime's
 * binding makes all the same, and they are freed.
 */
export type Into = Map<string, InferenceSession.OnnxValueMapType[string]>;

/**
 * Runs a session on named inputs. Gives each output's values and shape. Blocks the thread. Throws a UserError that
 * starts with `failed` and goes on with the runtime's reason.
 */
export async function runFeeds(
  session: InferenceSession,
  feeds: Readonly<Record<string, Feed>>,
  outputs: readonly string[],
  failed: string,
  into?: Into,
): Promise<Map<string, Value>> {
  const { Tensor } = await runtime();
  const tensors = Object.entries(feeds).map(([name, { type, data, dims }]) => [
    name,
    new Tensor(type as 'float32', data as Float32Array, dims),
  ]);
  let results: InferenceSession.OnnxValueMapType;
  try {
    const fetches = Object.fromEntries(outputs.map((name) => [name, into?.get(name) ?? null]));
    results = await session.run(Object.fromEntries(tensors), fetches);
  } catch (error) {
    throw new UserError(`${failed}: ${reason(error)}`);
  }
  return new Map(
    outputs.map((name) => {
      const last = into?.get(name) as Tensor | undefined;
      if (last) free((last.data as Float32Array).buffer as ArrayBuffer);
      into?.set(name, results[name]!);
      const { data, dims } = results[name] as Tensor;
      return [name, { data: data as Float32Array, shape: dims }];
    }),
  );
}

/** The first line of what the runtime says, without the places in its source. */
function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const line = text
    .split('\n')[0]!
    .replace(/\/[^\s:]*\.(cc|h):\d+\s*/g, '')
    .replace(/^(\w+ )?onnxruntime::[\w:~]+\([^)]*\)\s*(const\s+)?/, '')
    .trim();
  return line.endsWith('.') ? line : `${line}.`;
}
