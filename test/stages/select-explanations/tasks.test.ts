import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Plan, planTasks } from '../../../stages/select-explanations/plan.ts';
import { dealTasks, type Side } from '../../../stages/select-explanations/tasks.ts';
import { randomStreams } from '../../../stats/random.ts';
import type { Difficulty } from '../../../tables/difficulty.ts';

const count = (from: number, length: number) => Int32Array.from({ length }, (_, i) => from + i);
/** The same as an end of an order. */
const end = (from: number, plan: Plan): Side => ({
  first: count(from, plan.tasks * plan.references),
  queries: count(from + plan.queries, plan.tasks),
});
const sorted = (values: Iterable<number>) => [...values].sort((a, b) => a - b);

/** Sizes that fit, for an order in which rank r from the top is image r, and from the bottom image 10,000 + r. */
const setting = fc
  .record({
    tasks: fc.integer({ min: 1, max: 12 }),
    references: fc.integer({ min: 1, max: 9 }),
    spare: fc.nat(40),
    difficulty: fc.constantFrom<Difficulty>('easy', 0.3, 0.45),
    seed: fc.integer(),
    unit: fc.nat(3000),
  })
  .map((s) => {
    const images = 2 * s.tasks * (s.references + 1) + (s.difficulty === 'easy' ? s.spare : 500);
    return { ...s, plan: planTasks(images, s.tasks, s.references, s.difficulty) };
  });

describe('dealTasks', () => {
  it('deals every bin out once: task i has one image of each bin on either side', () => {
    fc.assert(
      fc.property(setting, ({ plan, seed, unit }) => {
        const { tasks, references: bins, queries } = plan;
        const random = randomStreams('tasks', seed, 'layer');
        const dealt = dealTasks(plan, random, unit, end(0, plan), end(10_000, plan));
        for (const [side, start] of [
          ['plus', 0],
          ['minus', 10_000],
        ] as const) {
          for (let bin = 0; bin < bins; bin++) {
            const column = Array.from(
              { length: tasks },
              (_, task) => dealt[`references_${side}`][task * bins + bin]!,
            );
            expect(sorted(column)).toEqual([...count(start + bin * tasks, tasks)]);
          }
          expect(sorted(dealt[`query_${side}`])).toEqual([...count(start + queries, tasks)]);
        }
      }),
    );
  });

  it('never shows an image twice in a unit, and its queries are less extreme than all references', () => {
    fc.assert(
      fc.property(setting, ({ plan, seed, unit }) => {
        const dealt = dealTasks(plan, randomStreams(seed), unit, end(0, plan), end(10_000, plan));
        const all = Object.values(dealt).flatMap((images) => [...images]);
        expect(new Set(all).size).toBe(all.length);
        expect(Math.min(...dealt.query_plus)).toBeGreaterThan(Math.max(...dealt.references_plus));
        expect(Math.min(...dealt.query_minus)).toBeGreaterThan(Math.max(...dealt.references_minus));
      }),
    );
  });

  it('shuffles every bin, side, unit, layer and seed on its own', () => {
    const plan = planTasks(1000, 20, 3, 'easy');
    const deal = (seed: number, layer: string, unit: number) => {
      const order = end(0, plan);
      const dealt = dealTasks(plan, randomStreams('tasks', seed, layer), unit, order, order);
      const bin = (side: 'plus' | 'minus', j: number) =>
        Array.from({ length: 20 }, (_, task) => dealt[`references_${side}`][task * 3 + j]! - j * 20).join();
      const queries = (images: Int32Array) => [...images].map((image) => image - 60).join();
      return [0, 1, 2]
        .flatMap((j) => [bin('plus', j), bin('minus', j)])
        .concat(queries(dealt.query_plus), queries(dealt.query_minus));
    };
    const orders = [deal(1, 'a', 0), deal(2, 'a', 0), deal(1, 'b', 0), deal(1, 'a', 1)].flat();
    expect(new Set(orders).size).toBe(orders.length);
    expect(deal(1, 'a', 0)).toEqual(deal(1, 'a', 0));
  });

  it('shuffles a bin alike whatever K, so that fewer explanations are a part of more', () => {
    const [few, many] = [planTasks(1000, 10, 2, 'easy'), planTasks(1000, 10, 5, 'easy')];
    const a = dealTasks(few, randomStreams(1), 4, end(0, few), end(0, few));
    const b = dealTasks(many, randomStreams(1), 4, end(0, many), end(0, many));
    for (let task = 0; task < 10; task++) {
      expect([...a.references_plus.slice(task * 2, task * 2 + 2)]).toEqual([
        ...b.references_plus.slice(task * 5, task * 5 + 2),
      ]);
    }
  });
});
