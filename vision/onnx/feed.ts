import type { Orientation } from '../images/decode.ts';
import type { Prepare } from '../images/decoders.ts';
import type { ResolvedPreprocess } from '../images/preprocess-spec.ts';
import { Room } from '../images/room.ts';
import type { Shard } from '../images/shard.ts';

/** Images are decoded side by side while their files together are smaller than this: photographs grow tenfold. */
const DECODED_TOGETHER = 4 * 2 ** 20;
/** … but at least as many as the thread pool has threads. */
const AT_LEAST = 4;

interface Encoded {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Images of a batch: uint8 RGB, flat [count, height, width, 3]. */
interface Pixels {
  readonly data: Uint8Array;
  readonly count: number;
}

/**
 * Gives the images of a shard in batches, ready for the network. Reads two batches ahead and decodes one ahead, in other
 * threads if there are any for it, so that work goes on while this one is busy. Memory holds the files of two batches, their pixels in the
 * network's size, and a few decoded images, whatever their number and size.
 */
export class Feed {
  readonly #shard: Shard;
  readonly #preprocess: ResolvedPreprocess;
  readonly #orientation: Orientation;
  readonly #size: () => number;
  readonly #prepare: Prepare;
  /** First row of the next batch to be read. */
  #first = 0;
  #read: Promise<Encoded[]>;
  #decoded: Promise<Pixels>;
  /** What the last batch but one was in, for the next one. */
  #free = new Uint8Array();
  #last = new Uint8Array();
  /** Where the files of the batch lie that is being decoded, and those of the one that is being read. */
  #rooms: [Room, Room] = [new Room(), new Room()];

  constructor(
    shard: Shard,
    preprocess: ResolvedPreprocess,
    orientation: Orientation,
    size: () => number,
    prepare: Prepare,
  ) {
    this.#shard = shard;
    this.#preprocess = preprocess;
    this.#orientation = orientation;
    this.#size = size;
    this.#prepare = prepare;
    this.#decoded = quiet(this.#readNext().then((batch) => this.#decode(batch)));
    this.#read = this.#readNext();
  }

  /**
   * Pixels of the next batch, as many as `size` said when its files began to be read; they hold until the next call. On return,
   * decoding of the batch after it is under way. Throws a UserError that names the image when one can't be read or decoded.
   */
  async take(): Promise<Pixels> {
    const [pixels, encoded] = await Promise.all([this.#decoded, this.#read]);
    this.#read = this.#readNext();
    this.#decoded = quiet(this.#decode(encoded));
    await new Promise((resolve) => setImmediate(resolve));
    return pixels;
  }

  #readNext(): Promise<Encoded[]> {
    const first = this.#first;
    const paths = first < this.#shard.rows ? this.#shard.paths.slice(first, first + this.#size()) : [];
    this.#first += paths.length;
    const [room, other] = this.#rooms;
    this.#rooms = [other, room];
    room.clear();
    const take = (length: number) => room.take(length);
    const reads = paths.map(async (path, i) => ({ path, bytes: await this.#shard.read(first + i, take) }));
    return quiet(Promise.all(reads));
  }

  async #decode(batch: readonly Encoded[]): Promise<Pixels> {
    const [height, width] = this.#preprocess.size;
    const length = height * width * 3;
    const all = this.#room(batch.length * length);
    const running = new Set<Promise<void>>();
    let bytes = 0;
    for (const [i, image] of batch.entries()) {
      while (running.size >= AT_LEAST && bytes + image.bytes.length > DECODED_TOGETHER)
        await Promise.race(running);
      bytes += image.bytes.length;
      const into = all.subarray(i * length, (i + 1) * length);
      const ready = this.#prepare(image.bytes, image.path, this.#preprocess, this.#orientation, into);
      const done = ready.then(() => {
        bytes -= image.bytes.length;
        running.delete(done);
      });
      running.add(quiet(done));
    }
    await Promise.all(running);
    return { data: all, count: batch.length };
  }

  /** Memory for a batch: new one would cost more than the pixels' way into it. */
  #room(bytes: number): Uint8Array {
    const room = this.#free.length >= bytes ? this.#free : new Uint8Array(bytes);
    this.#free = this.#last;
    this.#last = room;
    return room.subarray(0, bytes);
  }
}

/** The same promise; its failure is told to who awaits it, even if that is later or never. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
