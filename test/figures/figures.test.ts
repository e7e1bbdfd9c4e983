import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import type { FigureData, UnitPoint } from '../../figures/figure.ts';
import { writeFigure } from '../../figures/files.ts';
import { AWAITED } from '../../figures/human.ts';
import { FIGURES, ORDER, SWEEP_FIGURES } from '../../figures/index.ts';
import { withPngText } from '../../figures/png-text.ts';
import { PNG_SCALE, renderPng, renderSvg } from '../../figures/render.ts';
import { THEME } from '../../figures/theme.ts';
import { parseCsv } from '../../tables/csv.ts';
import { temporaryFolder } from '../support/fake-task.ts';
import { sampleData } from './sample.ts';
import { specificationErrors } from './vega-lite.ts';

const NAMES = [
  'model-ranking',
  'accuracy',
  'distributions',
  'constant-units',
  'layer-types',
  'depth',
  'width',
  'untrained',
  'training',
  'training-layers',
  'similarity-functions',
  'tasks',
  'extremes',
];
/** Those that one similarity function can't fill. */
const OF_SEVERAL = ['similarity-functions'];
const figureOf = (name: string) => FIGURES.find((figure) => figure.name === name)!;

let one: FigureData;
let two: FigureData;
beforeAll(async () => {
  one = await sampleData();
  two = await sampleData({ encoders: ['autoencoder', 'hog'], models: ['a', 'b'] });
});

/** A text of a PDF's document information: the dictionary refers to an object that holds it. */
function pdfInfo(pdf: string, name: string): string | undefined {
  const [, object] = new RegExp(`/${name} (\\d+) 0 R`).exec(pdf) ?? [];
  return new RegExp(`^${object} 0 obj\n\\((.*)\\)$`, 'm').exec(pdf)?.[1];
}

describe('figures', () => {
  it('are all there', () => {
    expect(FIGURES.map((figure) => figure.name)).toEqual(NAMES);
    const sweep = SWEEP_FIGURES.map((figure) => figure.name);
    const human = AWAITED.map((figure) => figure.name);
    expect([...ORDER].sort()).toEqual([...NAMES, ...sweep, ...human].sort());
  });

  describe.each(NAMES)('%s', (name) => {
    it.each(OF_SEVERAL.includes(name) ? [2] : [1, 2])(
      'is a valid Vega-Lite specification that compiles without a warning, %i encoder(s)',
      async (encoders) => {
        const result = figureOf(name).make(encoders === 1 ? one : two)!;
        expect(specificationErrors(result.spec)).toEqual([]);
        const svg = await renderSvg({ ...result.spec, config: THEME });
        expect(svg).toMatch(/^<svg[^>]* width="\d/);
        expect(/NaN|undefined/.test(svg.replaceAll(/data:[^"]*/g, ''))).toBe(false);
      },
    );

    it('has a table with every column in every row, an encoder column only for several', () => {
      for (const [data, several] of [
        [one, false],
        [two, !['constant-units', 'extremes'].includes(name)],
      ] as const) {
        if (data === one && OF_SEVERAL.includes(name)) continue;
        const { columns, table, caption } = figureOf(name).make(data)!;
        expect(columns.includes('encoder')).toBe(several);
        expect(table.length).toBeGreaterThan(0);
        for (const row of table) for (const column of columns) expect(row, column).toHaveProperty([column]);
        expect(caption).toMatch(/\.$/);
        expect(caption).not.toMatch(/NaN|undefined|null|Infinity/);
      }
    });

    it('is drawn with the same bytes each time', async () => {
      const [first, second] = [
        await renderSvg(figureOf(name).make(two)!.spec),
        await renderSvg(figureOf(name).make(two)!.spec),
      ];
      expect(second).toBe(first);
      expect((await renderPng(second)).equals(await renderPng(first))).toBe(true);
    });
  });

  it('are written as five files that carry the digest of what they were made from', async () => {
    const folder = temporaryFolder();
    const figure = figureOf('accuracy');
    const result = figure.make(one)!;
    const drawn = await writeFigure(folder, figure, result, { fingerprint: 'f00d' });
    const read = (extension: string) => readFileSync(join(folder, `accuracy.${extension}`));
    const { usermeta, config, $schema } = JSON.parse(read('json').toString());
    expect(usermeta).toEqual({
      figure: 'accuracy',
      provenance: `sha256:${drawn.provenance}`,
      fingerprint: 'f00d',
    });
    expect(config.font).toContain('DejaVu');
    expect($schema).toContain('vega-lite');
    expect(read('svg').toString()).toMatch(new RegExp(`^<svg[^>]*><metadata>.*${drawn.provenance}.*f00d`));
    const { width, height, density, comments } = await sharp(read('png')).metadata();
    expect(density).toBe(96 * PNG_SCALE);
    expect([width, height]).toEqual([drawn.width * PNG_SCALE, drawn.height * PNG_SCALE].map(Math.round));
    expect(comments).toEqual([
      { keyword: 'Title', text: 'Interpretability and accuracy' },
      { keyword: 'Source', text: `sha256:${drawn.provenance}` },
      { keyword: 'Fingerprint', text: 'f00d' },
    ]);
    const pdf = read('pdf').toString('latin1');
    expect(pdfInfo(pdf, 'Source')).toBe(`sha256:${drawn.provenance}`);
    expect(pdfInfo(pdf, 'Fingerprint')).toBe('f00d');
    expect(drawn.files.map((extension) => existsSync(join(folder, `accuracy.${extension}`)))).toEqual(
      Array(5).fill(true),
    );
    const csv = parseCsv(read('csv').toString());
    expect(csv.columns).toEqual(result.columns);
    expect(csv.rows.map((row) => Number(row.mis))).toEqual(result.table.map((row) => row.mis));
  });

  it('draw their marks and their text', async () => {
    const ranking = await renderSvg({ ...figureOf('model-ranking').make(one)!.spec, config: THEME });
    for (const model of ['conv-8', 'mixer-s', 'resnet-8']) expect(ranking).toContain(`>${model}</text>`);
    expect(ranking.match(/mark-rule/g)!.length).toBeGreaterThanOrEqual(2);
    const tasks = await renderSvg(figureOf('tasks').make(one)!.spec);
    expect(tasks.match(/<image /g)).toHaveLength(6 * 20);
    expect(tasks).not.toMatch(/href="(?!data:)/);
    // text is really drawn with the bundled font: ink where the title stands
    const png = sharp(await renderPng(ranking)).extract({ left: 0, top: 0, width: 700, height: 70 });
    expect((await png.stats()).channels[0]!.min).toBeLessThan(80);
  });
});

describe('figures of unusual data', () => {
  it('leave out what the data can not show', async () => {
    const bare: FigureData = { ...one, models: one.models.map((row) => ({ ...row, top1: null })), tasks: [] };
    expect(figureOf('accuracy').make(bare)).toBeUndefined();
    expect(figureOf('tasks').make(bare)).toBeUndefined();
    const constant = one.models.map((row) => ({
      ...row,
      mis: null,
      mis_low: null,
      mis_high: null,
      mis_p05: null,
      mis_p95: null,
      constant_units: row.units,
    }));
    const empty: FigureData = {
      ...one,
      models: constant,
      layers: one.layers.map((row) => ({ ...row, mis: null })),
      units: [],
      tasks: [],
      training: undefined,
      extremes: { units: [], changed: [] },
    };
    const made = FIGURES.filter((figure) => figure.make(empty));
    expect(made.map((figure) => figure.name)).toEqual(['constant-units']);
    await renderSvg(figureOf('constant-units').make(empty)!.spec);
  });

  it('draw one model, one layer, one unit, equal scores', async () => {
    const data = await sampleData({ models: ['only'], layers: 2, width: 1, types: ['linear'] });
    const same: FigureData = { ...data, units: data.units.slice(0, 1), layers: data.layers.slice(0, 1) };
    for (const figure of FIGURES) {
      const result = figure.make(same);
      if (result) await renderSvg({ ...result.spec, config: THEME });
    }
    const equal: FigureData = { ...one, units: one.units.map((unit) => ({ ...unit, mis: 0.7 })) };
    expect(await renderSvg(figureOf('distributions').make(equal)!.spec)).not.toContain('NaN');
  });

  it('draw a hundred models as a band over ranks', async () => {
    const models = Array.from({ length: 100 }, (_, i) => ({
      ...one.models[0]!,
      model: `m${i}`,
      mis: 0.5 + i / 300,
    }));
    const { spec, table } = figureOf('model-ranking').make({ ...one, models })!;
    expect(table.map((row) => row.rank)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    expect(table[0]!.model).toBe('m99');
    expect(await renderSvg(spec)).toContain('Models by rank');
  });

  it('stand names with markup, quotes, control characters and emoji', async () => {
    const hostile = `<script>"'&]]>\u0000\u0001\u202e\ud800\n🙂 ${'x'.repeat(120)}`;
    const named = <Row extends { model: string }>(row: Row): Row => ({ ...row, model: row.model + hostile });
    const unit = (row: UnitPoint): UnitPoint => {
      return { ...named(row), layer: hostile, layer_type: `${row.layer_type}${hostile}` };
    };
    const extreme = <Row extends object>(row: Row): Row => ({ ...row, layer: hostile, reason: hostile });
    const { training, extremes } = two as Required<FigureData>;
    const data: FigureData = {
      ...two,
      models: two.models.map(named),
      layers: two.layers.map((row) => ({ ...named(row), layer: hostile, layer_type: hostile })),
      units: two.units.map(unit),
      tasks: two.tasks.map((row) => extreme(named(row))),
      training: {
        checkpoints: training!.checkpoints.map((row) => ({ ...named(row), run: row.run + hostile })),
        models: training!.models.map(named),
        units: training!.units.map(unit),
      },
      extremes: {
        units: extremes!.units.map((row) => extreme(named(row))),
        changed: extremes!.changed.map((row) => extreme({ ...row, run: hostile })),
      },
    };
    const folder = temporaryFolder();
    for (const figure of FIGURES) {
      await writeFigure(folder, figure, figure.make(data)!);
      const svg = readFileSync(join(folder, `${figure.name}.svg`), 'utf8');
      expect(svg).not.toContain('<script');
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there
      expect(svg).not.toMatch(/[\u0000-\u0008]/);
    }
  });
});

describe('the numbers in figures', () => {
  it('curves: bins hold all units of a type, and their mean', () => {
    const { table } = figureOf('depth').make(one)!;
    expect(table.reduce((sum, row) => sum + (row.units as number), 0)).toBe(one.units.length);
    const first = table[0]!;
    const own = one.units.filter((unit) => unit.layer_type === first.layer_type && unit.relative_depth < 0.1);
    expect(first.mis).toBeCloseTo(own.reduce((sum, unit) => sum + unit.mis, 0) / own.length, 12);
    expect(first.mis_low as number).toBeLessThan(first.mis as number);
    expect(first.mis_high as number).toBeGreaterThan(first.mis as number);
  });

  it('densities integrate to about one, layer types cover all layers', () => {
    const { table } = figureOf('distributions').make(one)!;
    const curve = table.filter((row) => row.model === 'conv-8') as { mis: number; density: number }[];
    const step = curve[1]!.mis - curve[0]!.mis;
    expect(curve.reduce((sum, row) => sum + row.density * step, 0)).toBeCloseTo(1, 2);
    const types = figureOf('layer-types').make(one)!.table;
    expect(types.reduce((sum, row) => sum + (row.layers as number), 0)).toBe(one.layers.length);
  });

  it('do not depend on the order of models', () => {
    const turned: FigureData = {
      ...one,
      models: [...one.models].reverse(),
      units: [...one.units].reverse(),
      layers: [...one.layers].reverse(),
    };
    for (const name of ['model-ranking', 'accuracy', 'constant-units']) {
      const key = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row)).sort();
      expect(key(figureOf(name).make(turned)!.table)).toEqual(key(figureOf(name).make(one)!.table));
    }
  });
});

describe('PNG text', () => {
  it('makes chunks with the right check sum', () => {
    const png = Buffer.concat([Buffer.alloc(33), Buffer.from('rest')]);
    const out = withPngText(png, { Title: 'é' });
    expect(out.readUInt32BE(33)).toBe(7);
    expect(out.toString('latin1', 37, 48)).toBe('tEXtTitle\0é');
    expect(out.readUInt32BE(48)).toBe(crc32(out.subarray(37, 48)));
    expect(out.toString('latin1', 52)).toBe('rest');
  });
});
