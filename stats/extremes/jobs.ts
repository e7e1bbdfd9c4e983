/** Units of one call of a kernel: short calls let optimised code come in soon. */
export const CALL = 32;

/** The numbers below `count` in steps: the first one, and the one behind the last. */
export function steps(count: number, step: number): [number, number][] {
  return Array.from({ length: Math.ceil(count / step) }, (_, i) => [
    i * step,
    Math.min(count, (i + 1) * step),
  ]);
}

/**
 * Calls, those that one thread must do in turn together, in as many ranges as there are places for them: the last argument of all
 * calls of a range is its place.
 */
export function cut(
  calls: readonly (readonly (readonly number[])[])[],
  places: readonly number[],
): Uint32Array[] {
  const length = calls[0]?.[0] ? calls[0][0].length + 1 : 0;
  const all = new Uint32Array(length * calls.reduce((sum, turns) => sum + turns.length, 0));
  let at = 0;
  return steps(calls.length, Math.ceil(calls.length / places.length) || 1).map(([from, to], range) => {
    const start = at;
    for (let i = from; i < to; i++)
      for (const call of calls[i]!) {
        all.set(call, at);
        at += length;
        all[at - 1] = places[range]!;
      }
    return all.subarray(start, at);
  });
}

/** The same of calls that any thread may do at any time. */
export const cutAny = (calls: readonly (readonly number[])[], places: readonly number[]): Uint32Array[] =>
  cut(
    calls.map((call) => [call]),
    places,
  );
