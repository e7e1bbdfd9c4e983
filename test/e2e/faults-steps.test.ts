import { rmSync } from 'node:fs';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Result, recordsOf } from '../faults/results.ts';
import { calmResult, expectGoesOn, leftovers, type Place, tasks, toy } from '../faults/support.ts';

/** The named steps of publishing, in order, and how many of the graph's tasks count when the first one comes there. */
const STEPS: [string, 'none' | 'first' | 'all'][] = [
  ['put:hashed', 'none'],
  ['put:before-rename', 'none'],
  ['put:renamed', 'none'],
  ['commit:before', 'none'],
  ['commit:after', 'first'],
  ['materialise:file', 'all'],
  ['materialise:written', 'all'],
];

/** Tasks of the graph. */
const ALL = 9;

describe('a run that is killed (-9) while it publishes', () => {
  let place: Place;
  let wanted: Result;

  beforeAll(async () => {
    place = toy();
    wanted = await calmResult(place);
  });

  beforeEach(() => {
    for (const folder of [place.store, place.graph.published])
      rmSync(folder, { recursive: true, force: true });
  });

  it.each(STEPS)('at %s: what counted counts, the next run makes the rest', async (step, counted) => {
    const run = place.start({ env: { MIS_TEST_PAUSE: step } });
    await run.says(step);
    run.signal('SIGKILL');
    expect((await run.ended).signal).toBe('SIGKILL');
    const before = recordsOf(place.store);
    expect(before.torn).toEqual([]);
    expect(before.whole).toHaveLength({ none: 0, first: 1, all: ALL }[counted]);

    const next = await expectGoesOn(place, wanted);
    expect(tasks(next, 'hit')).toHaveLength(before.whole.length);
    expect(tasks(next, 'ran')).toHaveLength(ALL - before.whole.length);
    if (counted !== 'all') expect(leftovers(place.store)).toEqual([]);
  });

  it('at every commit of the graph, one after the other: each run keeps one task more', async () => {
    for (let count = 1; count <= ALL; count++) {
      const run = place.start({ env: { MIS_TEST_PAUSE: 'commit:after' }, args: ['-j', '1'] });
      await run.says('commit:after');
      run.signal('SIGKILL');
      await run.ended;
      expect(recordsOf(place.store).whole).toHaveLength(count);
    }
    const last = await expectGoesOn(place, wanted);
    expect(tasks(last, 'ran')).toEqual([]);
  }, 300_000);
});
