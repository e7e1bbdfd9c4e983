import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { alternate, killChildren, median, middle, runChild, succeeded, timed } from '../../bench/measure.ts';
import { hasGnuTime } from '../support/gnu-time.ts';

const node = (program: string, options?: Parameters<typeof runChild>[2]) =>
  runChild(process.execPath, ['-e', program], options);

describe('middle', () => {
  test('is the one that has as many below as above', () => {
    const named = Object.entries({ a: 4, b: 1, c: 9, d: 5, e: 2 });
    expect(middle(named, ([, value]) => value)).toEqual(['a', 4]);
    expect(middle(named.slice(0, 4), ([, value]) => value)).toEqual(['a', 4]);
    expect(() => middle([], Number)).toThrow();
  });
});

describe('median', () => {
  test('is the middle value, or the mean of the two in the middle', () => {
    expect(median([3])).toBe(3);
    expect(median([9, 1, 5])).toBe(5);
    expect(median([9, 1, 5, 2])).toBe(3.5);
    expect(() => median([])).toThrow();
  });

  test('has as many values below as above, in whatever order they come', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), (values) => {
        const middle = median(values);
        const below = values.filter((value) => value < middle).length;
        const above = values.filter((value) => value > middle).length;
        expect(Math.max(below, above)).toBeLessThanOrEqual(values.length / 2);
        expect(median([...values].reverse())).toBe(middle);
      }),
    );
  });
});

test('alternate does works in turn, there and back, one after the other', async () => {
  const told: string[] = [];
  const work = (name: string) => async () => {
    told.push(name);
    await new Promise((resolve) => setImmediate(resolve));
    return told.push(`/${name}`);
  };
  const found = await alternate(3, { a: work('a'), b: work('b') });
  expect(told.join(' ')).toBe('a /a b /b b /b a /a a /a b /b');
  expect(found).toEqual({ a: [2, 8, 10], b: [4, 6, 12] });
});

test('timed counts the clock, and the processors of this process', async () => {
  const asleep = await timed(() => new Promise<string>((resolve) => setTimeout(resolve, 100, 'done')));
  expect(asleep.value).toBe('done');
  expect(asleep.wall).toBeGreaterThan(0.09);
  const busy = await timed(() => {
    for (const start = performance.now(); performance.now() - start < 100; );
  });
  expect(busy.cpu).toBeGreaterThan(0);
});

describe.skipIf(!hasGnuTime())('runChild (apt-get install time)', () => {
  test('gives what the program says, and its exit code', async () => {
    const ended = await node(
      "process.stdin.on('data', (text) => console.log(`${text} in ${process.env.WHERE}`)).on('end', () => { console.error('bad'); process.exit(3); });",
      { input: 'hello', env: { WHERE: 'here' } },
    );
    expect(ended).toMatchObject({ code: 3, stdout: 'hello in here\n' });
    expect(() => succeeded('it', ended)).toThrow(/it ended with code 3:\nbad/);
  });

  test("counts the memory and the work of the program, not this process's", async () => {
    const own = Buffer.alloc(200 * 2 ** 20, 1);
    const small = await node('');
    const large = await node('globalThis.kept = Buffer.alloc(100 * 2 ** 20, 1)');
    expect(own.length).toBeGreaterThan(small.peak);
    expect(large.peak - small.peak).toBeGreaterThan(95 * 2 ** 20);
    expect(large.peak - small.peak).toBeLessThan(150 * 2 ** 20);
    const busy = await node(
      'for (const start = process.cpuUsage(); process.cpuUsage(start).user < 300_000; );',
    );
    expect(busy.cpu).toBeGreaterThan(0.3);
    expect(busy.wall).toBeGreaterThan(0.3);
  });

  test('ends with this process, with what the program started', async () => {
    const started = Date.now();
    const ended = runChild('/bin/sh', ['-c', 'sleep 30; echo late']);
    setTimeout(killChildren, 100);
    await expect(ended).rejects.toThrow('/bin/sh was killed');
    expect(Date.now() - started).toBeLessThan(20_000);
  });
});
