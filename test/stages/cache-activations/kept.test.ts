import { describe, expect, it } from 'vitest';
import { isUserError } from '../../../common/errors.ts';
import stage from '../../../stages/cache-activations/index.ts';
import { depthOf } from '../../../stages/cache-activations/kept.ts';

const EASY = { n: 20, k: 9, difficulty: 'easy' };
const counted = (given: object) => stage.params.parse(given) as unknown as Record<string, unknown>;

describe('what counts of the settings of tasks', () => {
  it('is nothing where every activation is kept', () => {
    const plain = counted({});
    expect(Object.keys(plain)).not.toContain('store');
    for (const given of [
      EASY,
      { ...EASY, store: 'full' },
      { ...EASY, store: 'full', depth: 5, difficulty: 'hard' },
    ])
      expect(counted(given)).toEqual(plain);
    expect(depthOf(plain)).toBeUndefined();
  });

  it('is the depth where extremes are kept: n · (k + 1), or the one given', () => {
    const extremes = counted({ ...EASY, store: 'extremes' });
    expect(extremes).toEqual({ ...counted({}), depth: 200 });
    expect(counted({ n: 40, k: 4, difficulty: 'easy', store: 'extremes' })).toEqual(extremes);
    expect(counted({ ...EASY, n: 2, store: 'extremes', depth: 200 })).toEqual(extremes);
    expect(counted({ ...EASY, difficulty: 'medium', store: 'extremes', depth: 12_831 })).toEqual(
      counted({ ...EASY, n: 5, difficulty: 0.01, store: 'extremes', depth: 12_831 }),
    );
    expect(depthOf(extremes)).toBe(200);
  });

  it('is all of them where they ask for more, so that the task says so', () => {
    const refused = (given: object) => {
      try {
        depthOf(counted({ ...EASY, store: 'extremes', ...given }));
      } catch (error) {
        expect(isUserError(error)).toBe(true);
        return (error as Error).message;
      }
      return undefined;
    };
    expect(refused({ depth: 199 })).toMatch(/inference\.depth = 199 .*= 200 of them\. Raise it to 200/);
    expect(refused({ depth: 200 })).toBeUndefined();
    expect(refused({ difficulty: 'medium' })).toMatch(
      /: 1 % of its images, .* \(12831 for .*`inference\.depth`/,
    );
    expect(refused({ difficulty: 'hard' })).toMatch(/: 5 % .* \(64078 for/);
    expect(refused({ difficulty: 'very-hard' })).toMatch(/: 15 % .* \(192195 for/);
    expect(refused({ difficulty: 0.025 })).toMatch(/: 2\.5 % /);
  });
});
