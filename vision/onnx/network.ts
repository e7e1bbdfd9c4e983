import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { canonicalJson, sha256 } from '../../common/json.ts';
import { collectGarbage } from '../../common/wasm/collect.ts';
import type { Preprocess, ResolvedPreprocess } from '../images/preprocess-spec.ts';
import { BatchProbe, batchSizes } from './batch.ts';
import type { Direction } from './directions.ts';
import { type Loaded, load, release, run } from './loaded.ts';
import { type Model, readModel } from './model.ts';
import type { Tokens } from './pool.ts';
import type { Inference } from './session.ts';

/** What to compute with a model file. */
export interface NetworkOptions {
  /** Layers to pool, as in `selectLayers`; none for an encoder. */
  readonly layers: readonly string[];
  /** Units that are directions in a layer's space. */
  readonly directions?: readonly Direction[];
  readonly tokens: Tokens;
  /** An output to keep whole: `auto` the only one of two axes, if there is one; `none`; or its name. */
  readonly output: string;
  /** True where there must be one: an encoder's embedding. */
  readonly outputNeeded?: boolean;
  readonly preprocess: Preprocess;
  readonly inference?: Inference;
}

/** A layer with its place and width; of directions, `op` and `tensor` are those of what they read. */
export interface NetworkLayer {
  readonly name: string;
  readonly type: string;
  readonly op: string;
  readonly tensor: string;
  readonly units: number;
  /** Index in execution order; that of directions is the one of the layer that they read. */
  readonly depth: number;
  readonly note?: string;
}

export interface KeptOutput {
  readonly name: string;
  readonly length: number;
}

/** Results of one batch. They hold until the network's next run. */
export interface Results {
  /** For each layer, flat [count × units]. */
  readonly activations: readonly Float32Array[];
  /** The kept output, flat [count × length]. */
  readonly output: Float32Array | undefined;
}

/** A model that is ready to run. */
export interface Network {
  readonly file: string;
  readonly layers: readonly NetworkLayer[];
  /** The kept output: its name, and how many values it has for an image. */
  readonly output: KeptOutput | undefined;
  /** Outputs that `auto` could choose from; it chooses when there is one. */
  readonly candidates: readonly string[];
  readonly preprocess: ResolvedPreprocess;
  /** The batch size that the model is bound to; undefined where any will do. */
  readonly batch: number | undefined;
  /** Finds the fastest size of batches for all who use the network in this thread. */
  readonly probe: BatchProbe;
  /**
   * Runs `count` images, uint8 RGB, flat [count, height, width, 3]; at most `batch` where the model is bound to one.
   * Blocks the thread. Results don't depend on which images share a batch.
   */
  run(pixels: Uint8Array, count: number): Promise<Results>;
  /** Gives the network back; its session may be kept for the next one who asks for the same. */
  close(): Promise<void>;
}

interface Entry {
  readonly loaded: Promise<Loaded>;
  probe?: BatchProbe;
  users: number;
}

/** Sessions of this thread, by content of the model and what is computed with it; the one used last stands last. */
const entries = new Map<string, Entry>();
const KEPT = 2;
/** Bytes of a model that are given back at once. */
const LARGE = 16 * 2 ** 20;

/**
 * Reads, edits and loads a model. Two sessions a thread are kept for the tasks that follow, since the shards of one
 * model usually do. Throws a UserError when the model or the options can't be used.
 */
export async function openNetwork(file: string, options: NetworkOptions): Promise<Network> {
  const { network, bytes } = await open(file, options);
  // Running the network leaves too little garbage for the engine to look for the model's soon.
  if (bytes >= LARGE) collectGarbage();
  return network;
}

/** The network, and how large the model's file is. */
async function open(file: string, options: NetworkOptions): Promise<{ network: Network; bytes: number }> {
  const model = await readModel(file);
  const key = await keyOf(model, options);
  const known = entries.get(key);
  const entry: Entry = known ?? { loaded: load(model, options), users: 0 };
  entries.delete(key);
  entries.set(key, entry);
  entry.users++;
  try {
    const loaded = { ...(await entry.loaded), file: model.file };
    const { layers, output, candidates, preprocess, batch } = loaded;
    entry.probe ??= new BatchProbe(
      batchSizes(preprocess.size, (options.inference?.device ?? 'cpu') === 'cpu'),
    );
    const { probe } = entry;
    const network: Network = {
      file: model.file,
      layers,
      output,
      candidates,
      preprocess,
      batch,
      probe,
      run: (pixels, count) => run(loaded, pixels, count),
      async close() {
        entry.users--;
        await evict();
      },
    };
    return { network, bytes: model.bytes.length };
  } catch (error) {
    entries.delete(key);
    throw error;
  }
}

async function keyOf(model: Model, options: NetworkOptions): Promise<string> {
  const digest = createHash('sha256').update(model.bytes).digest('hex');
  const external = await Promise.all(
    model.external.map(async (path) => {
      const { size, mtimeMs } = await stat(path);
      return { path, size, mtimeMs };
    }),
  );
  const directions = await Promise.all((options.directions ?? []).map(({ file }) => digestOf(file)));
  return sha256(canonicalJson({ digest, external, directions, options: JSON.stringify(options) }));
}

/** SHA-256 of a file; none where it can't be read, which is told when it is opened. */
async function digestOf(file: string): Promise<string> {
  const bytes = await readFile(file).catch(() => new Uint8Array());
  return createHash('sha256').update(bytes).digest('hex');
}

async function evict(): Promise<void> {
  for (const [key, entry] of entries) {
    if (entries.size <= KEPT) return;
    if (entry.users > 0) continue;
    entries.delete(key);
    await release(await entry.loaded);
  }
}
