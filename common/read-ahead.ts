/**
 * What a source promises, in its order: the first `count` are asked for at once, and another one whenever one is taken, so that
 * several are read at a time while others are worked on. Who doesn't take all of them must end it (`return`), which waits for
 * what was asked for.
 */
export function readTogether<T>(
  source: Iterator<Promise<T>, void>,
  count: number,
): AsyncIterableIterator<T, void, undefined> {
  const asked: Promise<T>[] = [];
  const ask = () => {
    const { value } = source.next();
    if (!value) return;
    // Its failure is told when its turn comes, or not at all when the work fails first.
    value.catch(() => {});
    asked.push(value);
  };
  for (let i = 0; i < count; i++) ask();
  return {
    async next() {
      ask();
      const next = asked.shift();
      return next ? { done: false, value: await next } : { done: true, value: undefined };
    },
    async return() {
      await Promise.allSettled(asked);
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

const AT_A_TIME = 16;

/**
 * Does something for each item, some at a time; the results in their order. Throws what the first of those threw that failed,
 * when all that were begun are over; `undo` takes back the others.
 */
export async function several<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
  undo: (result: R) => Promise<void> = async () => {},
): Promise<R[]> {
  const results: R[] = [];
  for (let from = 0; from < items.length; from += AT_A_TIME) {
    const all = await Promise.allSettled(items.slice(from, from + AT_A_TIME).map((item) => work(item)));
    for (const one of all) if (one.status === 'fulfilled') results.push(one.value);
    const failed = all.find((one) => one.status === 'rejected');
    if (failed) {
      await Promise.all(results.map(undo));
      throw failed.reason;
    }
  }
  return results;
}
