import { describe, expect, it } from 'vitest';
import { get, set, step, whileHolds } from '../../common/wasm/control.ts';
import { assemble, named } from '../../common/wasm/module.ts';
import { i32 } from '../../common/wasm/scalars.ts';
import { startHelper, startThreads, withHelpers } from '../../common/wasm/threads.ts';
import { share } from '../../common/wasm/work.mjs';

const CALLS = 200;

/** Writes a number to `count` places. */
const fill = named(['at', 'value', 'count'], { i32: [] }, ({ at, value, count }) => [
  whileHolds(
    get(count),
    i32.store(get(at), get(value)),
    step(at, 4),
    set(count, i32.sub(get(count), i32.const(1))),
  ),
]);
/** Doesn't exist where it should. */
const fail = named(['at'], { i32: [] }, ({ at }) => [i32.store(get(at), i32.const(1))]);

function memory() {
  const shared = share(assemble({ fill, fail }), 64 + 40 * CALLS);
  const ranges = (offset: number) =>
    Array.from({ length: CALLS }, (_, i) => Uint32Array.of(64 + 40 * i, i + offset, 10));
  return {
    shared,
    job: (offset: number) => ({ kernel: 'fill', ranges: ranges(offset) }),
    words: () => [...new Int32Array(shared.memory.buffer, 64, 10 * CALLS)],
    expected: (offset: number) => Array.from({ length: 10 * CALLS }, (_, i) => Math.floor(i / 10) + offset),
  };
}

describe('helper threads', () => {
  it('work on one memory, and then on another one', async () => {
    const early = [startHelper()];
    for (const offset of [5, 6, 7]) {
      const { shared, job, words, expected } = memory();
      const threads = startThreads(shared, 3, early);
      expect(early).toEqual([]);
      let told = 0;
      await threads.run(job(offset), () => told++);
      expect(words()).toEqual(expected(offset));
      expect(told).toBeLessThanOrEqual(CALLS);
      await threads.aside(job(offset + 9));
      expect(words()).toEqual(expected(offset + 9));
      await threads.close();
    }
    const kept = await withHelpers(2, async (helpers) => [...helpers]);
    const again = await withHelpers(2, async (helpers) => helpers.splice(0));
    expect(new Set(again)).toEqual(new Set(kept));
    await Promise.all(again.map((helper) => helper.terminate()));
  });

  it('tell what failed, and are not used again', async () => {
    const { shared } = memory();
    const helper = startHelper();
    const threads = startThreads(shared, 2, [helper]);
    const gone = new Promise((resolve) => helper.once('exit', resolve));
    await expect(threads.aside({ kernel: 'fail', ranges: [Uint32Array.of(2 ** 31)] })).rejects.toThrow(
      /memory/,
    );
    await gone;
    await threads.close();
    const next = memory();
    const again = startThreads(next.shared, 2);
    await again.aside(next.job(1));
    expect(next.words()).toEqual(next.expected(1));
    await again.close();
  });
});
