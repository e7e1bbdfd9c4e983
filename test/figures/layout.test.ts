import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decimals, domainOf } from '../../figures/axes.ts';
import { placeLabels } from '../../figures/labels.ts';
import { fontFiles, textWidth } from '../../figures/text-width.ts';

describe('axes', () => {
  it('hold every value between round ends', () => {
    const values = fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(values, (values) => {
        const { low, high, step } = domainOf(values, 0.05);
        for (const value of values) expect(low <= value && value <= high).toBe(true);
        expect(high).toBeGreaterThan(low);
        expect((high - low) / step).toBeLessThan(12);
        expect(Math.abs(low / step - Math.round(low / step))).toBeLessThan(1e-6);
      }),
    );
    expect(domainOf([0.871, 0.889])).toEqual({ low: 0.87, high: 0.89, step: 0.005 });
  });

  it('have as many decimals as tell their ticks apart', () => {
    expect([1, 0.5, 0.05, 0.02].map((step) => decimals(step))).toEqual([0, 1, 2, 2]);
    expect([0.1, 0.05, 0.005, 0.002].map((step) => decimals(step, true))).toEqual([0, 0, 1, 1]);
  });
});

describe('labels', () => {
  const area = { width: 460, height: 300, fontSize: 12, radius: 6, limit: 170 };
  const measure = textWidth(fontFiles().regular);
  const point = fc.record({
    x: fc.integer({ min: 0, max: 460 }),
    y: fc.integer({ min: 0, max: 300 }),
    text: fc.string({ minLength: 1, maxLength: 14 }),
  });

  it('lie on the plot and cover neither each other nor points by more than a corner', () => {
    fc.assert(
      fc.property(fc.array(point, { maxLength: 25 }), (points) => {
        const places = placeLabels(points, area);
        const boxes = places.flatMap((place, i) => {
          if (!place) return [];
          const right = place.x + Math.min(area.limit, measure(points[i]!.text) * 12);
          return [{ left: place.x, right, top: place.y - 6.6, bottom: place.y + 6.6 }];
        });
        boxes.forEach((box, i) => {
          expect(box.left >= 0 && box.right <= 460 && box.top >= 0 && box.bottom <= 300).toBe(true);
          boxes.slice(i + 1).forEach((other) => {
            const width = Math.min(box.right, other.right) - Math.max(box.left, other.left);
            const height = Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top);
            expect(Math.max(0, width) * Math.max(0, height)).toBeLessThanOrEqual(12.001);
          });
        });
        expect(placeLabels(points, area)).toEqual(places);
      }),
      { numRuns: 40 },
    );
  });

  it('stand beside a lone point, and are left out of a crowd unless they are needed', () => {
    const [place] = placeLabels([{ x: 100, y: 100, text: 'net' }], area);
    expect(place!.x).toBeGreaterThan(100);
    expect(place!.y).toBe(100);
    const crowd = Array.from({ length: 120 }, (_, i) => ({
      x: 200 + (i % 12) * 4,
      y: 150 + Math.floor(i / 12) * 4,
      text: 'a network',
      needed: i === 60,
    }));
    const places = placeLabels(crowd, area);
    expect(places[60]).toBeDefined();
    expect(places.filter(Boolean).length).toBeLessThan(60);
  });
});
