import { describe, expect, it } from 'vitest';
import { readTogether, several } from '../../common/read-ahead.ts';

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
