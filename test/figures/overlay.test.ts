import { describe, expect, it } from 'vitest';
import { titleOf, waysToCompare } from '../../figures/overlay.ts';
import { union } from '../../figures/overlay-axes.ts';
import { BEHIND } from '../../figures/overlay-marks.ts';
import { renderSvg } from '../../figures/render.ts';
import { THEME } from '../../figures/theme.ts';

const NOTE = 'Grey: A. In colour: B.';
const y = { field: 'y', type: 'quantitative', title: 'Score' };
const chance = {
  data: { values: [{}] },
  mark: { type: 'rule', strokeDash: [4, 4] },
  encoding: { y: { datum: 0.5, type: 'quantitative' } },
};

/** A plot of points with names and a line at chance. */
function dots(values: readonly (readonly [string, number])[], more: object = {}) {
  const x = { field: 'x', type: 'nominal', sort: values.map(([name]) => name), title: null };
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: { text: 'Dots', subtitle: 'Some' },
    data: { values: values.map(([name, score]) => ({ x: name, y: score })) },
    width: 100,
    height: 80,
    layer: [
      { mark: { type: 'point', filled: true, size: 50, color: '#ff0000' }, encoding: { x, y } },
      { mark: 'text', encoding: { x, y, text: { field: 'x', type: 'nominal' } } },
      chance,
    ],
    config: { background: '#123456' },
    usermeta: { figure: 'dots' },
    ...more,
  };
}

async function drawn(a: unknown, b: unknown, way = 0): Promise<string> {
  return renderSvg({ ...waysToCompare(a, b, NOTE)[way]!.spec, config: THEME });
}
const count = (svg: string, text: string | RegExp) => svg.split(text).length - 1;

describe('one figure of two runs', () => {
  const [a, b] = [
    dots([
      ['u', 0.6],
      ['v', 0.7],
    ]),
    dots([
      ['v', 0.9],
      ['w', 0.8],
    ]),
  ];

  it('has A in grey behind B, on axes that hold both, with B’s text and one line at chance', async () => {
    const [way] = waysToCompare(a, b, NOTE);
    expect(way!.overlaid).toBe(true);
    const spec = JSON.parse(JSON.stringify(way!.spec));
    expect(spec.title).toEqual({ text: 'Dots', subtitle: ['Some', NOTE] });
    expect(spec.data.values).toHaveLength(4);
    expect(spec).not.toHaveProperty('config');
    expect(spec.layer[0].layer).toHaveLength(1);
    expect(spec.layer[0].layer[0].mark).toMatchObject({ color: BEHIND, size: 85 });
    expect(spec.layer[0].layer[0].encoding.x.sort).toEqual(['v', 'w', 'u']);
    expect(spec.layer[1].layer.map((layer: { mark: unknown }) => layer.mark)).toEqual(
      b.layer.map(({ mark }) => mark),
    );
    const svg = await drawn(a, b);
    expect(count(svg, new RegExp(`<path[^>]*fill="${BEHIND}"`))).toBe(2);
    expect(count(svg, /<path[^>]*fill="#ff0000"/)).toBe(2);
    for (const name of ['u', 'v', 'w']) expect(svg).toContain(`>${name}</text>`);
    expect(count(svg, 'stroke-dasharray="4,4"')).toBe(1);
    expect(svg).toContain(NOTE);
  });

  it('keeps series apart that colour told apart, and widens explicit scales', async () => {
    const lines = (top: number, low: number) => ({
      title: 'Lines',
      data: { values: ['p', 'q'].flatMap((s) => [0, 1].map((x) => ({ s, x, y: s === 'p' ? top : low }))) },
      mark: 'line',
      encoding: {
        x: { field: 'x', type: 'quantitative', scale: { domain: [0, 1] } },
        y: { field: 'y', type: 'quantitative', scale: { domain: [low, top] } },
        color: { field: 's', type: 'nominal' },
      },
    });
    const [way] = waysToCompare(lines(3, 1), lines(5, 2), NOTE);
    const [grey, front] = JSON.parse(JSON.stringify(way!.spec)).layer;
    expect(grey.layer[0].encoding.detail).toEqual([{ field: 's', type: 'nominal' }]);
    expect(grey.layer[0].encoding).not.toHaveProperty('color');
    expect([grey, front].map((part) => part.layer[0].encoding.y.scale.domain)).toEqual([
      [1, 5],
      [1, 5],
    ]);
    const svg = await drawn(lines(3, 1), lines(5, 2));
    expect(count(svg, new RegExp(`<path[^>]*stroke="${BEHIND}"`))).toBe(2);
  });

  it('stands beside the other where colour is an amount, or the kinds differ', async () => {
    const matrix = (p: number) => ({
      title: 'Matrix',
      data: { values: [{ i: 'a', j: 'b', p }] },
      width: 60,
      mark: 'rect',
      encoding: {
        x: { field: 'i', type: 'nominal' },
        y: { field: 'j', type: 'nominal' },
        color: { field: 'p', type: 'quantitative' },
      },
    });
    for (const [left, right] of [
      [matrix(1), matrix(2)],
      [a, matrix(2)],
    ]) {
      const ways = waysToCompare(left, right, NOTE);
      expect(ways.map(({ overlaid }) => overlaid)).toEqual([false, false]);
      const svg = await drawn(left, right);
      expect(svg).toMatch(/>A<\/text>[\s\S]*>B<\/text>/);
      expect(svg).toContain('>Matrix</text>');
    }
    expect(JSON.stringify(waysToCompare(matrix(1), matrix(2), NOTE)[0]!.spec)).toContain('"hconcat"');
    const wide = { ...matrix(1), width: 900 };
    expect(JSON.stringify(waysToCompare(wide, wide, NOTE)[0]!.spec)).toContain('"vconcat"');
  });

  it('of several plots overlays those that allow it; of facets each', async () => {
    const part = ({ $schema: _, config: __, usermeta: ___, ...rest }: ReturnType<typeof dots>) => rest;
    const matrix = {
      data: { values: [{ i: 'a', p: 1 }] },
      mark: 'rect',
      encoding: { x: { field: 'i', type: 'nominal' }, color: { field: 'p', type: 'quantitative' } },
    };
    const both = (plot: ReturnType<typeof dots>) => ({ vconcat: [part(plot), matrix] });
    const [way] = waysToCompare(both(a), both(b), NOTE);
    const spec = JSON.parse(JSON.stringify(way!.spec));
    expect(way!.overlaid).toBe(true);
    expect(spec.vconcat[0].title.subtitle).toContain(NOTE);
    expect(spec.vconcat[1].hconcat).toHaveLength(2);
    expect(await drawn(both(a), both(b))).toContain('>B</text>');

    const faceted = (plot: ReturnType<typeof dots>, names: readonly string[]) => {
      const { data, title, layer } = plot;
      const values = names.flatMap((encoder) => data.values.map((row) => ({ ...row, encoder })));
      return {
        title,
        data: { values },
        facet: { row: { field: 'encoder', type: 'nominal', sort: names } },
        spec: { width: 100, height: 80, layer },
      };
    };
    const [facets] = waysToCompare(faceted(a, ['e', 'f']), faceted(b, ['f', 'g']), NOTE);
    expect(JSON.parse(JSON.stringify(facets!.spec)).facet.row.sort).toEqual(['f', 'g', 'e']);
    const svg = await drawn(faceted(a, ['e', 'f']), faceted(b, ['f', 'g']));
    expect(count(svg, new RegExp(`<path[^>]*fill="${BEHIND}"`))).toBe(4);
  });

  it('has a title, also where only a part has one', () => {
    expect(titleOf({ hconcat: [{ title: { text: ['Two', 'lines'] } }] })).toBe('Two lines');
    expect(titleOf({ title: 'Plain' })).toBe('Plain');
    expect(titleOf({})).toBe('');
    expect(waysToCompare(null, a, NOTE)).toEqual([]);
  });
});

it('a common domain: from the least to the greatest, falling as it was; names in the order of the first', () => {
  expect(union([[0, 2], undefined, [1, 5]])).toEqual([0, 5]);
  expect(
    union([
      [9, 0],
      [12, 3],
    ]),
  ).toEqual([12, 0]);
  expect(
    union([
      ['b', 'a'],
      ['c', 'a'],
    ]),
  ).toEqual(['b', 'a', 'c']);
  expect(union([undefined, 'ascending'])).toBeUndefined();
});
