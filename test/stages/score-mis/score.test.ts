import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { logistic, probability, scoreUnit } from '../../../stages/score-mis/score.ts';
import { bootstrapMean } from '../../../stats/bootstrap.ts';
import { randomStreams } from '../../../stats/random.ts';

const margin = fc.double({ min: -4, max: 4, noNaN: true });
const margins = fc.array(fc.oneof(margin, fc.constant(0)), { minLength: 1, maxLength: 30 });

function score(margins: readonly number[], alpha: number, role: 'temperature' | 'factor' = 'temperature') {
  const p = Float64Array.from(margins, (x) => probability(x, alpha, role));
  const interval = bootstrapMean(p, randomStreams(1), { resamples: 100 });
  return scoreUnit(Float64Array.from(margins), p, interval);
}

describe('logistic', () => {
  it('by hand', () => {
    expect(logistic(0)).toBe(0.5);
    expect(logistic(Math.log(3))).toBeCloseTo(0.75, 15);
    expect(logistic(-Math.log(3))).toBeCloseTo(0.25, 15);
    expect(logistic(1e6)).toBe(1);
    expect(logistic(-1e6)).toBe(0);
    expect(logistic(Number.POSITIVE_INFINITY)).toBe(1);
    expect(logistic(Number.NEGATIVE_INFINITY)).toBe(0);
  });

  it('keeps its precision far below 0', () => {
    expect(logistic(-700) / Math.exp(-700)).toBeCloseTo(1, 14);
  });

  it('is symmetric and rises', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), fc.double({ noNaN: true }), (a, b) => {
        expect(logistic(a) + logistic(-a)).toBeCloseTo(1, 15);
        if (a < b) expect(logistic(a)).toBeLessThanOrEqual(logistic(b));
      }),
    );
  });
});

describe('probability', () => {
  it('divides by α as a temperature, multiplies with it as a factor', () => {
    expect(probability(0.16, 0.16, 'temperature')).toBe(logistic(1));
    expect(probability(2, 0.16, 'factor')).toBe(logistic(0.32));
  });
});

describe('scoreUnit', () => {
  it('by hand: margins ln 3, −ln 3, 0 and ln 9 at α = 1', () => {
    const found = score([Math.log(3), -Math.log(3), 0, Math.log(9)], 1);
    expect(found.mis).toBeCloseTo((0.75 + 0.25 + 0.5 + 0.9) / 4, 14);
    expect(found.task_accuracy).toBe((1 + 0 + 0.5 + 1) / 4);
    expect(found.mean_margin).toBeCloseTo(Math.log(9) / 4, 14);
    expect(found.sd_p).toBeCloseTo(Math.sqrt((0.15 ** 2 + 0.35 ** 2 + 0.1 ** 2 + 0.3 ** 2) / 4), 14);
  });

  it('is ½ with no width when nothing tells the queries apart', () => {
    expect(score([0, 0, 0], 0.16)).toEqual({
      mis: 0.5,
      mis_low: 0.5,
      mis_high: 0.5,
      task_accuracy: 0.5,
      mean_margin: 0,
      sd_p: 0,
    });
  });

  it('has an interval around the score that stays within the tasks', () => {
    fc.assert(
      fc.property(margins, (margins) => {
        const { mis, mis_low, mis_high, sd_p } = score(margins, 0.16);
        const p = margins.map((x) => probability(x, 0.16, 'temperature'));
        expect(mis_low).toBeLessThanOrEqual(mis_high);
        expect(mis_low).toBeGreaterThanOrEqual(Math.min(...p) - 1e-15);
        expect(mis_high).toBeLessThanOrEqual(Math.max(...p) + 1e-15);
        expect(mis).toBeGreaterThan(mis_low - 4 * sd_p - 1e-12);
        expect(mis).toBeLessThan(mis_high + 4 * sd_p + 1e-12);
      }),
    );
  });

  it('nears the task accuracy as α nears 0', () => {
    fc.assert(
      fc.property(margins, (margins) => {
        const clear = margins.map((x) => (Math.abs(x) < 1e-6 ? 0 : x));
        const { mis, task_accuracy } = score(clear, 1e-9);
        expect(mis).toBeCloseTo(task_accuracy, 12);
      }),
    );
  });

  it('turns into 1 − itself when all margins change sign', () => {
    fc.assert(
      fc.property(margins, (margins) => {
        const [a, b] = [
          score(margins, 0.3),
          score(
            margins.map((x) => -x),
            0.3,
          ),
        ];
        expect(a.mis + b.mis).toBeCloseTo(1, 12);
        expect(a.task_accuracy + b.task_accuracy).toBeCloseTo(1, 12);
        expect(a.sd_p).toBeCloseTo(b.sd_p, 12);
      }),
    );
  });
});
