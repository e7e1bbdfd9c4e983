import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blocksOf, widest, within } from '../../../stages/select-explanations/blocks.ts';

const layers = fc
  .array(fc.integer({ min: 0, max: 40 }), { maxLength: 12 })
  .map((widths) => widths.map((units, l) => ({ name: `layer ${l}`, units })));

describe('blocks of units', () => {
  it('hold all units in turn, at most so many, and cut through no layer that fits', () => {
    fc.assert(
      fc.property(layers, fc.integer({ min: 1, max: 50 }), fc.nat(50), (all, most, less) => {
        const near = Math.max(1, most - less);
        const blocks = blocksOf(all, near, most);
        const owner = all.flatMap(({ name, units }) =>
          Array.from({ length: units }, (_, unit) => ({ name, unit })),
        );
        expect(blocks.flatMap(({ from, to }) => owner.slice(from, to))).toEqual(owner);
        const [starts, read] = [new Set([0]), [] as number[]];
        for (const { units } of all) starts.add(Math.max(...starts) + units);
        for (const { from, to } of blocks) {
          expect(to - from).toBeGreaterThan(0);
          expect(to - from).toBeLessThanOrEqual(most);
          const parts = within(all, from, to);
          const listed = parts.flatMap(({ layer, unit, units }) =>
            Array.from({ length: units }, (_, i) => ({ name: layer, unit: unit + i })),
          );
          expect(listed).toEqual(owner.slice(from, to));
          if (to - from > near) expect(parts).toHaveLength(1);
          read.push(parts.reduce((sum, { layer }) => sum + all.find(({ name }) => name === layer)!.units, 0));
        }
        expect(widest(all, blocks)).toBe(Math.max(1, ...read));
        if (all.every(({ units }) => units <= near))
          for (const { from } of blocks) expect(starts).toContain(from);
      }),
    );
  });
});
