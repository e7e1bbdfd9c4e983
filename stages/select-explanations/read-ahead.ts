/**
 * The same elements, the first `count` of them asked for at once, and another one whenever one is taken: reading and working
 * overlap. Who doesn't take all of them must end it (`return`), which waits for what was asked for.
 */
export function readAhead<T>(
  source: AsyncGenerator<T, void, undefined>,
  count: number,
): AsyncIterableIterator<T, void, undefined> {
  const asked: Promise<IteratorResult<T, void>>[] = [];
  const ask = () => {
    const next = source.next();
    // Its failure is told when its turn comes, or not at all when the work fails first.
    next.catch(() => {});
    asked.push(next);
  };
  for (let i = 0; i < count; i++) ask();
  return {
    next() {
      ask();
      return asked.shift()!;
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
