import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomStreams, xoshiro128 } from '../../stats/random.ts';
import { pythonWith, runPython } from '../support/python.ts';

describe('xoshiro128**', () => {
  it('puts out what the reference implementation does (state 1, 2, 3, 4)', () => {
    const random = xoshiro128([1, 2, 3, 4]);
    expect(Array.from({ length: 10 }, () => random.next())).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
  });
});

const python = pythonWith('hashlib');

describe('randomStreams', () => {
  it.skipIf(!python)('is what its description says, written again in Python', () => {
    const program = `
import sys, json, hashlib
M = 0xffffffff
def fin(h):
    h ^= h >> 16; h = h * 0x85ebca6b & M
    h ^= h >> 13; h = h * 0xc2b2ae35 & M
    return h ^ h >> 16
def mix(word, value):
    return (fin(word ^ fin((value + 0x9e3779b9) & M)) + 0x6a09e667) & M
def rotl(x, k): return (x << k | x >> 32 - k) & M
def draws(key, point, count):
    digest = hashlib.sha256(json.dumps(['random'] + key, separators=(',', ':'), ensure_ascii=False).encode()).digest()
    s = [int.from_bytes(digest[4 * i:4 * i + 4], 'big') for i in range(4)]
    for value in point: s = [mix(word, value) for word in s]
    out = []
    for _ in range(count):
        out.append(rotl(s[1] * 5 & M, 7) * 9 & M)
        t = s[1] << 9 & M
        s[2] ^= s[0]; s[3] ^= s[1]; s[1] ^= s[2]; s[0] ^= s[3]; s[2] ^= t; s[3] = rotl(s[3], 11)
    return out
print(json.dumps([draws(key, point, 20) for key, point in json.load(sys.stdin)]))`;
    const cases: [(string | number)[], [number, number, number]][] = [
      [[0], [0, 0, 0]],
      [
        [1, 'layer1.0.conv1'],
        [17, 1, 4],
      ],
      [
        [-5, 'größe', 'x'],
        [4294967295, 0, 4294967295],
      ],
    ];
    const expected = runPython<number[][]>(python!, program, cases);
    const found = cases.map(([key, point]) => {
      const random = randomStreams(...key).start(...point);
      return Array.from({ length: 20 }, () => random.next());
    });
    expect(found).toEqual(expected);
  });

  it('depends on key and point alone, not on what was drawn before', () => {
    const first = randomStreams(1, 'a').start(3, 1, 2);
    const expected = [first.next(), first.next(), first.next()];
    const second = randomStreams(1, 'a').start(9);
    for (let i = 0; i < 100; i++) second.next();
    second.start(3, 1, 2);
    expect([second.next(), second.next(), second.next()]).toEqual(expected);
  });

  it('starts elsewhere at every point and for every key', () => {
    const seen = new Set<string>();
    for (const key of [1, 2, '1', 'a', 'b']) {
      const random = randomStreams(key);
      for (let a = 0; a < 50; a++) {
        for (const b of [0, 1]) {
          for (const c of [0, 1, 2, 50, 0xffffffff]) {
            random.start(a, b, c);
            seen.add(`${random.next()} ${random.next()}`);
          }
        }
      }
    }
    expect(seen.size).toBe(5 * 50 * 2 * 5);
  });
});

describe('below', () => {
  it('is the high word of draw × count, unfair draws left out', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 2 ** 21 }), (seed, count) => {
        const [random, raw] = [randomStreams(seed), randomStreams(seed)];
        for (let i = 0; i < 20; i++) {
          let product: bigint;
          do product = BigInt(raw.next()) * BigInt(count);
          while (product % 2n ** 32n < 2n ** 32n % BigInt(count));
          expect(random.below(count)).toBe(Number(product >> 32n));
        }
      }),
    );
  });

  it('comes in bulk too', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 2 ** 21 }), fc.nat(50), (seed, count, length) => {
        const [random, bulk] = [randomStreams(seed), randomStreams(seed)];
        const target = new Uint32Array(length);
        bulk.fillBelow(target, count);
        expect([...target]).toEqual(Array.from(target, () => random.below(count)));
        expect(bulk.next()).toBe(random.next());
      }),
    );
  });

  it('makes every result equally likely (χ², 6 degrees of freedom, far below the 99.9 % bound of 22.5)', () => {
    const random = randomStreams('uniform');
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 70_000; i++) counts[random.below(7)]!++;
    expect(counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0)).toBeLessThan(22.5);
  });

  it.each([0, -1, 2 ** 21 + 1, Number.NaN])('refuses %s', (count) => {
    expect(() => randomStreams(0).below(count)).toThrow(RangeError);
    expect(() => randomStreams(0).fillBelow(new Uint32Array(1), count)).toThrow(RangeError);
  });
});

describe('shuffle', () => {
  it('keeps the elements, and all that lies outside the range', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { maxLength: 30 }), fc.nat(30), fc.nat(30), (values, a, b) => {
        const [from, to] = [Math.min(a, b, values.length), Math.min(Math.max(a, b), values.length)];
        const shuffled = [...values];
        randomStreams(a, b).shuffle(shuffled, from, to - from);
        expect(shuffled.slice(0, from)).toEqual(values.slice(0, from));
        expect(shuffled.slice(to)).toEqual(values.slice(to));
        expect(shuffled.slice(from, to).sort()).toEqual(values.slice(from, to).sort());
      }),
    );
  });

  it('takes one draw below the number of those left for each place from the end', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 0, max: 300 }), (seed, length) => {
        const [expected, found] = [Array.from({ length }, (_, i) => i), Array.from({ length }, (_, i) => i)];
        const [plain, random] = [randomStreams(seed), randomStreams(seed)];
        for (let last = length - 1; last > 0; last--) {
          const other = plain.below(last + 1);
          [expected[last], expected[other]] = [expected[other]!, expected[last]!];
        }
        random.shuffle(found);
        expect(found).toEqual(expected);
        expect(random.next()).toBe(plain.next());
      }),
    );
  });

  it('makes every order equally likely, over neighbouring points (χ², 23 degrees of freedom)', () => {
    const random = randomStreams('orders');
    const counts = new Map<string, number>();
    for (let unit = 0; unit < 24_000; unit++) {
      const values = [0, 1, 2, 3];
      random.start(unit, 1, 3).shuffle(values);
      counts.set(values.join(''), (counts.get(values.join('')) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    const distance = [...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(distance).toBeLessThan(49.7);
  });
});
