import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blocksOf, widest, within } from '../../../stages/select-explanations/blocks.ts';
import { readTogether, several } from '../../../stages/select-explanations/read-ahead.ts';

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

describe('reading ahead', () => {
  it('asks for so many at once, for another one whenever one is taken, and waits for all of them', async () => {
    let asked = 0;
    const settled: number[] = [];
    function* source() {
      for (let i = 0; i < 7; i++) {
        asked++;
        yield new Promise<number>((resolve) => setTimeout(resolve, 5 * ((i * 3) % 4), i)).then((value) => {
          settled.push(value);
          return value;
        });
      }
    }
    const all = readTogether(source(), 3);
    expect(asked).toBe(3);
    expect((await all.next()).value).toBe(0);
    expect(asked).toBe(4);
    for await (const value of all) if (value === 2) break;
    expect(settled.toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
    const found: number[] = [];
    for await (const value of readTogether(source(), 2)) found.push(value);
    expect(found).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it('does something for several, and takes it back when one fails', async () => {
    const items = Array.from({ length: 40 }, (_, i) => i);
    let open = 0;
    const work = async (item: number) => {
      if (item === 35) throw new Error('too many');
      open++;
      return item * 2;
    };
    const undo = async () => {
      open--;
    };
    expect(await several(items.slice(0, 35), work)).toEqual(items.slice(0, 35).map((item) => item * 2));
    open = 0;
    await expect(several(items, work, undo)).rejects.toThrow('too many');
    expect(open).toBe(0);
  });
});
