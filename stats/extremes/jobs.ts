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
  return steps(calls.length, Math.ceil(calls.length / places.length) || 1).map(([from, to], range) =>
    Uint32Array.from(
      calls.slice(from, to).flatMap((turns) => turns.flatMap((call) => [...call, places[range]!])),
    ),
  );
}

/** The same of calls that any thread may do at any time. */
export const cutAny = (calls: readonly (readonly number[])[], places: readonly number[]): Uint32Array[] =>
  cut(
    calls.map((call) => [call]),
    places,
  );
