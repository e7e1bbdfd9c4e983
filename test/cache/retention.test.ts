import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseRemoved, keptRuns, markRuns, type Policy, type Result } from '../../cache/retention.ts';
import { openStore } from '../../cache/store.ts';
import type { RunState } from '../../cache/types.ts';
import { isUserError } from '../../common/errors.ts';
import { newStore, print, putText, recordOf, startChild, temporaryFolder } from './support.ts';

const NOW = 1_000_000;
const names = Array.from({ length: 12 }, (_, i) => `r${i}`);
const digests = Array.from({ length: 8 }, (_, i) => `b${i}`);

const runArbitrary = fc.record({
  group: fc.constantFrom('g', 'h'),
  state: fc.constantFrom<RunState>('running', 'complete', 'incomplete', 'interrupted'),
  usedAt: fc.integer({ min: 0, max: NOW }),
  prints: fc.subarray(names),
  pinned: fc.boolean(),
});
const storeArbitrary = fc.record({
  runs: fc.array(runArbitrary, { maxLength: 6 }),
  uses: fc.subarray(names),
  inUse: fc.subarray(digests),
  results: fc.tuple(
    ...names.map((fingerprint) =>
      fc.record({
        fingerprint: fc.constant(fingerprint),
        stage: fc.constant('s'),
        bytes: fc.nat(50),
        blobs: fc.subarray(digests),
        ms: fc.nat(100),
      }),
    ),
  ),
  sizes: fc.tuple(...digests.map((name) => fc.tuple(fc.constant(name), fc.nat(1000)))),
  policy: fc.record(
    {
      keepRuns: fc.nat(3),
      olderThanMs: fc.nat(NOW),
      maxBytes: fc.nat(6000),
      runs: fc.subarray(['0', '1', '2']),
    },
    { requiredKeys: [] },
  ),
});

describe('what gc chooses', () => {
  it('never takes what a kept, pinned, running or named run, or a process, needs; takes the rest as asked', async () => {
    await fc.assert(
      fc.asyncProperty(storeArbitrary, async ({ runs, uses, inUse, results, sizes, policy }) => {
        const past = runs.map((run, i) => ({ ...run, id: String(i), fingerprints: async () => run.prints }));
        const pinned = new Set(past.filter((run) => run.pinned).map(({ id }) => id));
        const marks = await markRuns(past, pinned, policy as Policy);
        const all: Result[] = results.map((result) => ({
          ...result,
          usedAt: marks.lastUsed.get(result.fingerprint) ?? 0,
        }));
        const stays = (name: string) => marks.roots.has(name) || uses.includes(name);
        const size = new Map(sizes);
        const removed = chooseRemoved(
          all,
          stays,
          (digest) => inUse.includes(digest),
          size,
          policy as Policy,
          NOW,
        );
        const gone = new Set(removed.map(({ fingerprint }) => fingerprint));

        const keep = keptRuns(policy as Policy);
        for (const [i, run] of past.entries()) {
          const completeBefore = past
            .slice(0, i)
            .filter(({ group, state }) => group === run.group && state === 'complete').length;
          const mustStay =
            run.pinned || run.state === 'running' || policy.runs?.includes(run.id) || completeBefore < keep;
          if (mustStay) for (const name of run.prints) expect(gone.has(name)).toBe(false);
          if (policy.olderThanMs !== undefined && run.usedAt >= NOW - policy.olderThanMs)
            for (const name of run.prints) expect(gone.has(name)).toBe(false);
        }
        for (const name of uses) expect(gone.has(name)).toBe(false);

        const left = all.filter(({ fingerprint }) => !gone.has(fingerprint));
        const could = left.filter(
          ({ fingerprint, usedAt }) =>
            !stays(fingerprint) && (policy.olderThanMs === undefined || usedAt < NOW - policy.olderThanMs),
        );
        const total = (of: readonly Result[]) => {
          const blobs = new Set([...of.flatMap((result) => result.blobs), ...inUse]);
          const bytes = [...blobs].reduce((sum, digest) => sum + size.get(digest)!, 0);
          return of.reduce((sum, result) => sum + result.bytes, bytes);
        };
        if (policy.maxBytes === undefined) expect(could).toEqual([]);
        else {
          expect(total(left) <= policy.maxBytes || could.length === 0).toBe(true);
          const last = removed.at(-1);
          if (last) expect(total([...left, last])).toBeGreaterThan(policy.maxBytes);
          for (const { usedAt } of removed)
            for (const other of could) expect(usedAt).toBeLessThanOrEqual(other.usedAt);
        }
      }),
      { numRuns: 1000, seed: 11 },
    );
  });
});

/** A store in which each run names some results; every result is a blob of 1000 bytes. */
async function storeWith(runs: readonly (readonly [string, readonly string[]])[]) {
  const dir = join(await temporaryFolder(), 'store');
  const store = await openStore(dir);
  const ids: string[] = [];
  for (const [group, results] of runs) {
    for (const name of results) {
      const out = await putText(store, name.repeat(1000));
      await store.commit({ ...recordOf(print(name), { out }), stage: `stage-${name}` });
    }
    const run = await store.runs.create({}, { group });
    run.recordFingerprints(results.map(print));
    await run.finish({ complete: true });
    ids.push(run.id);
  }
  await store.close();
  const left = async (): Promise<string> => {
    const later = await openStore(dir);
    const found: string[] = [];
    for (const name of new Set(runs.flatMap(([, results]) => results)))
      if (await later.read(print(name))) found.push(name);
    await later.close();
    return found.join('');
  };
  return { dir, ids, left };
}

describe('gc with options', () => {
  it('of a size removes what was used longest ago until the store is below it, and tells by stage', async () => {
    const { dir, left } = await storeWith([
      ['g', ['a', 'b']],
      ['h', ['c']],
      ['g', ['b', 'd']],
    ]);
    const store = await newStore(dir);
    const { kept } = await store.gc({ maxBytes: 1e9 });
    expect(kept.records).toBe(4);
    const one = await store.gc({ maxBytes: kept.bytes - 1 });
    expect(one.stages).toEqual([{ stage: 'stage-a', records: 1, blobs: 1, bytes: one.bytes }]);
    expect(await store.gc({ maxBytes: kept.bytes - 1, yes: true })).toMatchObject(one);
    expect(await left()).toBe('bcd');
    await store.gc({ maxBytes: (kept.bytes / 4) * 2.5, yes: true });
    expect(await left()).toBe('bd');
    expect(await store.gc({ maxBytes: 0, keepRuns: 1, yes: true })).toMatchObject({ records: 0 });
    await store.gc({ maxBytes: 0, yes: true });
    expect(await left()).toBe('');
  });

  it('of an age leaves what a run has used since', async () => {
    const { dir, left } = await storeWith([
      ['g', ['a']],
      ['g', ['b']],
    ]);
    const store = await newStore(dir);
    expect(await store.gc({ olderThanMs: 60_000, keepRuns: 0 })).toMatchObject({ records: 0 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await store.gc({ olderThanMs: 1, yes: true });
    expect(await left()).toBe('b');
    await store.gc({ olderThanMs: 1, keepRuns: 0, yes: true });
    expect(await left()).toBe('');
  });

  it('of runs keeps what these, pinned and running ones need', async () => {
    const { dir, ids, left } = await storeWith([
      ['g', ['a', 'x']],
      ['g', ['b', 'x']],
      ['g', ['c']],
      ['g', ['d']],
    ]);
    const child = startChild('run', [dir, [print('d')]]);
    await child.says('running');
    const store = await newStore(dir);
    await store.pin(ids[1]!, 'paper');
    await store.gc({ runs: [ids[0]!], yes: true });
    expect(await left()).toBe('axbd');
    const error = await store.gc({ runs: ['nonsense'] }).catch((thrown) => thrown);
    expect(isUserError(error)).toBe(true);
    child.go();
    await child.end();
  });

  it('keeps what a run that began and ended between its two looks used, whatever the options', async () => {
    const { dir, left } = await storeWith([['g', ['a', 'b']]]);
    const child = startChild('gc', [dir, { keepRuns: 0 }], { pauseAt: 'gc:records-moved' });
    await child.says('gc:records-moved');
    const store = await openStore(dir);
    const run = await store.runs.create({}, { group: 'g' });
    run.recordFingerprints([print('b')]);
    await run.finish({ complete: true });
    await store.close();
    child.go();
    expect(await child.end()).toMatchObject({ records: 1 });
    expect(await left()).toBe('b');
  });

  it.each(['gc:records-moved', 'gc:blobs-moved'])(
    'killed with -9 at %s has removed nothing that was to stay',
    async (pauseAt) => {
      const { dir, left } = await storeWith([
        ['g', ['a']],
        ['g', ['b']],
      ]);
      const child = startChild('gc', [dir], { pauseAt });
      await child.says(pauseAt);
      await child.kill();
      expect(await left()).toBe('b');
      const store = await newStore(dir);
      expect((await store.verify()).problems).toEqual([]);
      await store.gc({ yes: true });
      expect(await left()).toBe('b');
    },
  );
});
