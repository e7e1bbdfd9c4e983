import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { recordsOf } from '../faults/results.ts';
import { startRun } from '../faults/runs.ts';
import { calmResult, expectResult, leftovers, tasks, told, toy } from '../faults/support.ts';

describe('runs at once on one empty store', () => {
  it.each([2, 8])(
    '%i with the same target: each task is done once in all, all succeed, the result is the same',
    async (count) => {
      const place = toy();
      const wanted = await calmResult(place);
      const runs = Array.from({ length: count }, () => place.start());
      const ended = await Promise.all(runs.map((run) => run.ended));
      for (const each of ended) expect(each.code, told(each)).toBe(0);
      const ran = ended.flatMap((each) => tasks(each, 'ran'));
      expect(ran).toHaveLength(9);
      expect(new Set(ran).size).toBe(9);
      for (const each of ended) {
        const all = [...tasks(each, 'ran'), ...tasks(each, 'hit')].sort();
        expect(all).toEqual([...ran].sort());
      }
      expectResult(place, wanted);
      expect(readdirSync(join(place.store, 'locks'))).toEqual([]);
      expect(readdirSync(join(place.store, 'quarantine'))).toEqual([]);
      expect(leftovers(place.store)).toEqual([]);
    },
    300_000,
  );

  it.each([2, 8])(
    '%i with different targets and parameters: what they share is done once',
    async (count) => {
      const place = toy();
      const targets = ['shout', 'join', 'all', 'book'];
      const argsOf = (i: number) => [targets[i % 4] as string, '--set', `final.glue=${i < 4 ? '+' : '='}`];
      const shared = place.path('shared');
      const runs = Array.from({ length: count }, (_, i) =>
        startRun(place.graph, shared, { args: argsOf(i) }),
      );
      const ended = await Promise.all(runs.map((run) => run.ended));
      for (const each of ended) expect(each.code, told(each)).toBe(0);
      const ran = ended.flatMap((each) => tasks(each, 'ran'));
      expect(new Set(ran).size).toBe(ran.length);
      const made = recordsOf(shared);
      expect(made.torn).toEqual([]);
      expect(ran.map((name) => name.split(' ')[1]).sort()).toEqual(made.whole.sort());
      const stages = ran.map((name) => name.split(' ')[0]);
      expect(stages.filter((stage) => stage === 'split')).toHaveLength(1);
      expect(stages.filter((stage) => stage === 'shout')).toHaveLength(4);
      if (count === 8) expect(stages.filter((stage) => stage === 'all')).toHaveLength(2);
    },
    300_000,
  );
});
