import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { address, escapeHtml, html, raw, visible } from '../../../common/html.ts';
import { chooseModels, chooseUnits, MOST_SHOWN_MODELS, typicalTask } from '../../../stages/report/choose.ts';
import { summaryText } from '../../../stages/report/summary.ts';
import type { ModelRow } from '../../../tables/report-tables.ts';

describe('choosing units', () => {
  it('takes the highest, the lowest and equal steps between, never a constant one', () => {
    const mis = [0.5, null, 0.9, 0.7, 0.6, 0.8, null];
    expect(chooseUnits({ mis }, 3)).toEqual([
      { row: 2, reason: 'highest MIS' },
      { row: 3, reason: 'median MIS' },
      { row: 0, reason: 'lowest MIS' },
    ]);
    expect(chooseUnits({ mis }, 4).map((unit) => unit.reason)).toEqual([
      'highest MIS',
      '67th percentile',
      '33rd percentile',
      'lowest MIS',
    ]);
    expect(chooseUnits({ mis }, 1)).toEqual([{ row: 2, reason: 'highest MIS' }]);
    expect(chooseUnits({ mis }, 99)).toHaveLength(5);
    expect(chooseUnits({ mis: [null] }, 3)).toEqual([]);
  });

  it('keeps the order of units among equals, and never takes one twice', () => {
    fc.assert(
      fc.property(
        fc.array(fc.option(fc.constantFrom(0.1, 0.5, 0.9))),
        fc.integer({ min: 0, max: 9 }),
        (mis, count) => {
          const rows = chooseUnits({ mis }, count).map((unit) => unit.row);
          expect(new Set(rows).size).toBe(rows.length);
          expect(rows.length).toBe(Math.min(count, mis.filter((score) => score !== null).length));
          for (let i = 1; i < rows.length; i++) {
            const [a, b] = [mis[rows[i - 1]!]!, mis[rows[i]!]!];
            expect(a > b || (a === b && rows[i - 1]! < rows[i]!)).toBe(true);
          }
        },
      ),
    );
  });

  it('the typical task has the lower median margin', () => {
    expect(typicalTask([0.3, -0.1, 0.2])).toBe(2);
    expect(typicalTask([0.4, 0.1, 0.3, 0.2])).toBe(3);
    expect(typicalTask([1, 1, 1])).toBe(1);
  });

  it('shows all of a few models, the extremes and equal steps of many', () => {
    expect(chooseModels([0.3, null, 0.5])).toEqual([0, 1, 2]);
    const many = Array.from({ length: 100 }, (_, i) => i / 100);
    const shown = chooseModels(many);
    expect(shown).toHaveLength(MOST_SHOWN_MODELS);
    expect([shown[0], shown.at(-1)]).toEqual([0, 99]);
    expect(chooseModels([])).toEqual([]);
  });
});

describe('html', () => {
  it('escapes text, keeps html, joins lists, leaves out nothing', () => {
    const name = `<b>"'&`;
    expect(
      html`<p title="${name}">${[html`<i>${1}</i>`, null, false, undefined, 'x']}${raw('<hr>')}</p>`.html,
    ).toBe('<p title="&lt;b&gt;&quot;&#39;&amp;"><i>1</i>x<hr></p>');
  });

  it('never lets markup or hidden characters through', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(escapeHtml(text)).not.toMatch(/[<>"'\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      }),
    );
    expect(visible('a\nb\u202e\u0000c')).toBe('a␊b⟨U+202E⟩␀c');
    expect(visible('naïve 猫 🙂')).toBe('naïve 猫 🙂');
  });

  it('encodes addresses part by part', () => {
    expect(address('tables', 'a b#?.csv')).toBe('tables/a%20b%23%3F.csv');
  });
});

describe('summary', () => {
  const row: ModelRow = {
    model: 'm',
    encoder: 'e',
    mis: 0.61234,
    mis_low: 0.6,
    mis_high: 0.62,
    mis_p05: 0.5,
    mis_p95: 0.7,
    task_accuracy: 0.7,
    mean_margin: 0.1,
    layers: 3,
    units: 12_345,
    constant_units: 6,
    top1: 0.876,
    top5: 0.99,
  };

  const summed = { encoders: ['e'], checkpoints: [], trained: [] };

  it('is aligned text', () => {
    const none: ModelRow = {
      ...row,
      model: 'nothing',
      mis: null,
      mis_low: null,
      mis_high: null,
      mis_p05: null,
      mis_p95: null,
      top1: null,
    };
    expect(summaryText({ ...summed, models: [none, row] })).toBe(
      [
        'Model     MIS [95 % interval]  5–95 % of units   Units  Constant   Top-1',
        '─'.repeat(72),
        'm        0.612 [0.600, 0.620]      0.500–0.700  12,345         6  87.6 %',
        'nothing                     –                –  12,345         6       –',
        '',
      ].join('\n'),
    );
  });

  it('cuts long names in the middle', () => {
    const text = summaryText({ ...summed, models: [{ ...row, model: `start-${'x'.repeat(200)}-end` }] });
    expect(text).toMatch(/^start-x+…x+-end /m);
    for (const line of text.split('\n')) expect([...line].length).toBeLessThanOrEqual(100);
  });
});
