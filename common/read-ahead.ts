/** The same elements, each asked for before the one before it is worked on: reading and working overlap. */
export async function* readAhead<T>(
  source: AsyncGenerator<T, void, undefined>,
): AsyncGenerator<T, void, undefined> {
  let next = source.next();
  try {
    for (;;) {
      const { value, done } = await next;
      if (done) return;
      next = source.next();
      // Its failure is told when its turn comes, or not at all when the work fails first.
      next.catch(() => {});
      yield value as T;
    }
  } finally {
    await next.catch(() => {});
  }
}
