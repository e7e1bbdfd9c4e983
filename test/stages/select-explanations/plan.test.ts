import { describe, expect, it } from 'vitest';
import { isUserError } from '../../../common/errors.ts';
import { planTasks } from '../../../stages/select-explanations/plan.ts';

const IMAGENET = 1_281_167;

describe('planTasks', () => {
  it('puts easy queries right behind the references', () => {
    expect(planTasks(5000, 20, 9, 'easy')).toEqual({ tasks: 20, references: 9, queries: 180, depth: 200 });
  });

  it.each([
    ['medium', 12_811],
    ['hard', 64_058],
    ['very-hard', 192_175],
    [0.25, 320_291],
  ] as const)('puts %s queries of ImageNet at rank %i', (difficulty, rank) => {
    expect(planTasks(IMAGENET, 20, 9, difficulty)).toMatchObject({ queries: rank, depth: rank + 20 });
  });

  it('uses every image when they just suffice', () => {
    expect(planTasks(400, 20, 9, 'easy').depth).toBe(200);
    expect(planTasks(4, 1, 1, 'easy').depth).toBe(2);
  });

  const refused: [string, Parameters<typeof planTasks>, RegExp[]][] = [
    [
      'too few images',
      [399, 20, 9, 'easy'],
      [/n = 20.*k = 9.*400 images.*there are 399/, /k = 9: n = 19/, /n = 20: k = 8/],
    ],
    ['far too few images', [3, 20, 9, 'easy'], [/there are 3\. Add images/]],
    ['no N at all with this K', [19, 1, 9, 'easy'], [/with n = 1: k = 8\.$/]],
    [
      'queries among references',
      [5000, 20, 9, 'medium'],
      [/medium.*rank 50.*20 · 9 = 180/, /k = 9: n = 5/, /n = 20: k = 2/],
    ],
    ['queries past the middle', [1000, 20, 9, 0.49], [/0\.49.*n = 20.*rank 490.*middle/, /n = 10;/]],
    ['no data', [0, 1, 1, 0.4], [/rank 0/, /Add images or take another difficulty/]],
  ];
  it.each(refused)('refuses %s, naming what would fit', (_, settings, patterns) => {
    const error = caught(() => planTasks(...settings));
    expect(isUserError(error)).toBe(true);
    for (const pattern of patterns) expect((error as Error).message).toMatch(pattern);
    expect((error as Error).message).not.toMatch(/\n|NaN|undefined| {2}/);
  });

  it('names settings that truly fit, and no larger ones', () => {
    for (const difficulty of ['easy', 'medium', 'hard', 0.3] as const) {
      for (let images = 10; images < 900; images += 37) {
        const error = caught(() => planTasks(images, 7, 5, difficulty));
        if (error === undefined) continue;
        const [, tasks] = /k = 5: n = (\d+)/.exec((error as Error).message) ?? [];
        const [, references] = /n = 7: k = (\d+)/.exec((error as Error).message) ?? [];
        if (tasks) {
          expect(caught(() => planTasks(images, Number(tasks), 5, difficulty))).toBeUndefined();
          expect(caught(() => planTasks(images, Number(tasks) + 1, 5, difficulty))).toBeDefined();
        }
        if (references) {
          expect(caught(() => planTasks(images, 7, Number(references), difficulty))).toBeUndefined();
          expect(caught(() => planTasks(images, 7, Number(references) + 1, difficulty))).toBeDefined();
        }
      }
    }
  });
});

function caught(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}
