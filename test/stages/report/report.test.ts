import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { beforeAll, describe, expect, it } from 'vitest';
import { isUserError } from '../../../common/errors.ts';
import report from '../../../stages/report/index.ts';
import { mean } from '../../../stats/summary.ts';
import { parseCsv } from '../../../tables/csv.ts';
import { samplePng } from '../../figures/sample.ts';
import { type FakeInput, runStage, temporaryFolder } from '../../support/fake-task.ts';
import { type Study, type StudyImage, type WrittenStudy, writeStudy } from './study.ts';

const HOSTILE = `"><img src=x onerror=alert(1)>'&amp;\n\u202egnp`;

const LAYERS = [
  { name: 'stem.conv', type: 'conv', units: 6 },
  { name: 'stem.bn', type: 'batch-norm', units: 6 },
  { name: HOSTILE, type: 'conv', units: 4 },
  { name: 'head', type: 'linear', units: 3 },
];
const PARAMS = {
  title: `A study of ${HOSTILE}`,
  seed: 3,
  bootstrap: 300,
  'show-units': 3,
  notes: [HOSTILE],
  settings: { difficulty: 'easy', [HOSTILE]: HOSTILE },
};

async function images(count: number): Promise<StudyImage[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, i) => ({
      path: i === 7 ? `z/${HOSTILE}.png` : `class-${i % 3}/${String(i).padStart(3, '0')}.png`,
      label: i === 7 ? HOSTILE : i === 8 ? null : `class-${i % 3}`,
      bytes: await samplePng(i),
      side: 32,
    })),
  );
}

let study: Study;
let written: WrittenStudy;
let folder: string;

async function reportOf(inputs: Record<string, readonly FakeInput[]>, params: object = {}): Promise<string> {
  return (await runStage(report, { params: { ...PARAMS, ...params }, inputs })).output('report');
}

function listFiles(root: string): string[] {
  return (
    readdirSync(root, { recursive: true, withFileTypes: true }) as {
      name: string;
      parentPath: string;
      isFile(): boolean;
    }[]
  )
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}

async function query(sql: string): Promise<Record<string, unknown>[]> {
  const connection = await (await DuckDBInstance.create()).connect();
  const rows = (await connection.runAndReadAll(sql)).getRowObjects() as Record<string, unknown>[];
  connection.closeSync();
  return rows;
}

/** Scores of a model's units that aren't constant. */
function present(mis: WrittenStudy['mis'], model: string): number[] {
  return [...mis].flatMap(([key, score]) => (score !== null && key.split(' ')[1] === model ? [score] : []));
}

const table = (name: string) => join(folder, 'tables', `${name}.parquet`);

beforeAll(async () => {
  study = {
    images: await images(30),
    models: [
      { name: 'b-net', layers: LAYERS, top1: 0.8 },
      { name: 'a-net', layers: LAYERS.slice(0, 2), top1: 0.7 },
      { name: `c ${HOSTILE}`, layers: LAYERS, top1: null },
    ],
    encoders: ['autoencoder'],
  };
  written = writeStudy(temporaryFolder(), study);
  folder = await reportOf(written.inputs);
});

describe('report: tables', () => {
  it('has every table as Parquet, the small ones as CSV too', () => {
    const names = ['images', 'layers', 'models', 'tasks', 'units'];
    expect(readdirSync(join(folder, 'tables')).sort()).toEqual(
      [
        ...names.map((n) => `${n}.parquet`),
        ...names.filter((n) => n !== 'tasks').map((n) => `${n}.csv`),
      ].sort(),
    );
  });

  it('has exactly the columns of the format', async () => {
    const columns = async (name: string) =>
      (await query(`DESCRIBE SELECT * FROM '${table(name)}'`)).map((row) => row.column_name).join(' ');
    expect(await columns('units')).toBe(
      'model layer layer_type depth relative_depth width relative_width unit constant mis mis_low mis_high task_accuracy mean_margin sd_p activation_min activation_max activation_mean activation_sd',
    );
    expect(await columns('tasks')).toBe(
      'model layer unit task query_plus query_minus references_plus references_minus s_plus_plus s_plus_minus s_minus_plus s_minus_minus margin p',
    );
    expect(await columns('images')).toMatch(/^image path label/);
    expect(await columns('models')).toMatch(/^model mis mis_low mis_high mis_p05 mis_p95/);
    expect(await columns('layers')).toMatch(
      /^model layer layer_type depth relative_depth width relative_width units constant_units mis/,
    );
  });

  it('holds every unit with its score, null for constant ones (read by hyparquet)', async () => {
    const rows = await parquetReadObjects({ file: await asyncBufferFromFile(table('units')) });
    expect(rows).toHaveLength(written.mis.size);
    for (const row of rows) {
      expect(row.mis).toBe(written.mis.get(['autoencoder', row.model, row.layer, row.unit].join(' ')));
      expect(row.constant).toBe(row.mis === null);
    }
    expect(rows.map((row) => row.model)).toEqual(rows.map((row) => row.model).sort());
  });

  it('MIS recomputed from tasks equals units, models and layers (DuckDB)', async () => {
    const units = await query(
      `SELECT abs(u.mis - t.mis) AS off FROM '${table('units')}' u JOIN (SELECT model, layer, unit, avg(p) mis FROM '${table('tasks')}' GROUP BY ALL) t USING (model, layer, unit)`,
    );
    expect(units).toHaveLength([...written.mis.values()].filter((mis) => mis !== null).length);
    for (const { off } of units) expect(off).toBeLessThan(1e-12);
    const models =
      await query(`SELECT abs(m.mis - u.mis) AS off, m.units = u.units AND m.constant_units = u.constant AS counts, mis_low < m.mis AND m.mis < mis_high AND abs(mis_p05 - p05) < 1e-12 AS inside
      FROM '${table('models')}' m JOIN (SELECT model, avg(mis) mis, count(*) units, count_if(constant) constant, quantile_cont(mis, 0.05) p05 FROM '${table('units')}' GROUP BY model) u USING (model)`);
    expect(models).toHaveLength(3);
    for (const { off, ...rest } of models) {
      expect(off).toBeLessThan(1e-12);
      expect(rest).toEqual({ counts: true, inside: true });
    }
    const layers = await query(
      `SELECT abs(l.mis - u.mis) AS off FROM '${table('layers')}' l JOIN (SELECT model, layer, avg(mis) mis FROM '${table('units')}' GROUP BY ALL) u USING (model, layer)`,
    );
    expect(layers).toHaveLength(10);
    for (const { off } of layers) expect(off).toBeLessThan(1e-12);
  });

  it('numbers images by path, as tasks refer to them', async () => {
    const rows = await query(`SELECT * FROM '${table('images')}' ORDER BY image`);
    const paths = study.images.map((image) => image.path).sort();
    expect(rows.map((row) => [row.image, row.path])).toEqual(paths.map((path, i) => [i, path]));
    const [used] = await query(
      `SELECT min(len(references_plus)) AS k, max(list_max(references_plus)) AS most, count(*) AS n FROM '${table('tasks')}'`,
    );
    expect(used).toEqual({ k: 4n, most: expect.any(Number), n: 5n * 40n });
  });
});

describe('report: determinism', () => {
  it('has the same bytes in any order of inputs, and tables for any number of shards', async () => {
    const turned = Object.fromEntries(
      Object.entries(written.inputs).map(([name, list]) => [name, [...list].reverse()]),
    );
    const again = await reportOf(turned);
    expect(listFiles(again)).toEqual(listFiles(folder));
    for (const file of listFiles(folder)) {
      expect(readFileSync(join(again, file)).equals(readFileSync(join(folder, file))), file).toBe(true);
    }
    const other = { ...study, models: [...study.models].reverse(), shards: 1 };
    const unsharded = await reportOf(writeStudy(temporaryFolder(), other).inputs);
    for (const file of listFiles(join(folder, 'tables'))) {
      expect(
        readFileSync(join(unsharded, 'tables', file)).equals(
          readFileSync(table('x').replace('x.parquet', file)),
        ),
        file,
      ).toBe(true);
    }
  });
});

describe('report: page', () => {
  const page = () => readFileSync(join(folder, 'index.html'), 'utf8');

  it('refers to nothing outside its folder, and to nothing that is missing', () => {
    const links = [...page().matchAll(/(?:href|src)="([^"]*)"/g)].map((match) => match[1]!);
    expect(links.length).toBeGreaterThan(60);
    for (const link of links) {
      if (link.startsWith('#')) expect(page()).toContain(`id="${link.slice(1)}"`);
      else expect(existsSync(join(folder, decodeURIComponent(link))), link).toBe(true);
    }
    expect(page()).not.toMatch(/https?:|<script|@import|url\(/);
  });

  it('escapes names of every kind and shows hidden characters', () => {
    expect(page()).not.toContain('<img src=x');
    expect(page()).not.toContain('\u202e');
    expect(page()).toContain('&quot;&gt;&lt;img src=x onerror=alert(1)&gt;&#39;&amp;amp;␊⟨U+202E⟩gnp');
    for (const svg of readdirSync(join(folder, 'figures')).filter((name) => name.endsWith('.svg'))) {
      expect(readFileSync(join(folder, 'figures', svg), 'utf8')).not.toContain('<img');
    }
  });

  it('shows chosen units with all pictures of one task, once each in the folder', () => {
    const cards = page().match(/<article class="card">/g)!;
    expect(cards).toHaveLength(2 + 3 * 3); // the example, and three of each model
    const sources = new Set([...page().matchAll(/src="(images\/[^"]*)"/g)].map((match) => match[1]!));
    expect([...sources].sort()).toEqual(listFiles(join(folder, 'images')).map((name) => `images/${name}`));
  });

  it('says that α was assumed, unless it was fitted; lists images that were left out', async () => {
    expect(page()).toContain('α = 0.16 was assumed, not fitted on human answers');
    expect(page()).not.toContain('be decoded');
    const skipped = join(temporaryFolder(), 'skipped.json');
    writeFileSync(skipped, JSON.stringify([{ path: 'a/<b>.jpg', reason: 'the file is cut short' }]));
    const params = { 'alpha-source': { autoencoder: 'fitted' } };
    const root = await reportOf({ ...written.inputs, skipped: [{ path: skipped }] }, params);
    const other = readFileSync(join(root, 'index.html'), 'utf8');
    expect(other).toContain('α = 0.16 was fitted on human answers');
    expect(other).toMatch(
      /1 image was left out because it couldn&#39;t be decoded[\s\S]*a\/&lt;b&gt;\.jpg<\/code>: the file is cut short/,
    );
  });
});

describe('report: summary', () => {
  it('is a table of at most 100 columns, best model first', () => {
    const text = readFileSync(join(folder, 'summary.txt'), 'utf8');
    const lines = text.trimEnd().split('\n');
    expect(lines).toHaveLength(5);
    for (const line of lines) expect([...line].length).toBeLessThanOrEqual(100);
    const scores = lines.slice(2).map((line) => Number(/ (0\.\d{3}) \[/.exec(line)![1]));
    expect(scores).toEqual([...scores].sort().reverse());
    expect(text).toMatch(/b-net +0\.\d{3} \[0\.\d{3}, 0\.\d{3}\] +0\.\d{3}–0\.\d{3} +19 +4 +80\.0 %/);
    const { models } = JSON.parse(readFileSync(join(folder, 'summary.json'), 'utf8'));
    expect(models.map((row: { model: string }) => row.model)).toEqual(['a-net', 'b-net', `c ${HOSTILE}`]);
  });
});

describe('report: other studies', () => {
  it('has an encoder column, and shows the main one of several encoders', async () => {
    const several = writeStudy(temporaryFolder(), {
      ...study,
      encoders: ['hog', 'autoencoder'],
      models: study.models.slice(0, 2),
    });
    const root = await reportOf(several.inputs, { encoders: ['hog'] });
    const found = await query(
      `SELECT DISTINCT model, encoder FROM '${join(root, 'tables', 'tasks.parquet')}' ORDER BY encoder, model`,
    );
    expect(found.map((row) => `${row.encoder} ${row.model}`)).toEqual([
      'autoencoder a-net',
      'autoencoder b-net',
      'hog a-net',
      'hog b-net',
    ]);
    const summary = readFileSync(join(root, 'summary.txt'), 'utf8');
    expect(summary).toMatch(/\n\nEncoder: hog\. The report also has autoencoder\.\n$/);
    expect(summary.match(/^[ab]-net /gm)).toHaveLength(2);
    const page = readFileSync(join(root, 'index.html'), 'utf8');
    const [main, others] = page.split('<details class="encoders">') as [string, string];
    const rows = readFileSync(join(root, 'tables', 'models.csv'), 'utf8')
      .trim()
      .split('\r\n')
      .slice(1);
    expect(rows.map((row) => row.split(',').slice(0, 2).join(' '))).toEqual([
      'a-net hog',
      'b-net hog',
      'a-net autoencoder',
      'b-net autoencoder',
    ]);
    for (const row of rows) {
      const [, encoder, mis] = row.split(',') as [string, string, string];
      expect(main.includes(`<td class="number score">${Number(mis).toFixed(3)}</td>`)).toBe(
        encoder === 'hog',
      );
      expect(others).toContain(`>${Number(mis).toFixed(3)}</td>`);
    }
    expect(page).toMatch(
      /<figure id="similarity-functions"[\s\S]*Agreement with human scores[^<]*is not drawn/,
    );
    expect(page.match(/<article class="card">/g)).toHaveLength(2 + 2 * 3); // under the main encoder alone
    expect(readFileSync(join(root, 'figures', 'model-ranking.csv'), 'utf8')).toContain('encoder');
  });

  it('keeps states of training runs apart from the zoo, and sets the last one against the first', async () => {
    const layers = LAYERS.slice(0, 2);
    const state = (name: string, epoch: number, apart = true) => {
      return { name, layers, top1: 0.1 + epoch / 20, checkpoint: { run: 'long', epoch }, apart };
    };
    const models = [
      state('long-0', 0),
      state('long-half', 0.5),
      state('long-3', 3, false),
      { name: 'other', layers: [...layers, { name: 'sae', type: 'direction', units: 5 }], top1: 0.5 },
      { name: 'lone', layers, top1: 0.5, checkpoint: { run: 'lone', epoch: 9 } },
    ];
    const sweep = join(temporaryFolder(), 'sweep');
    mkdirSync(join(sweep, 'figures'), { recursive: true });
    writeFileSync(join(sweep, 'sweep.csv'), 'setting,mis\r\n,0.5\r\ntask.n=2,0.6\r\n');
    const figure = {
      name: 'alpha',
      title: 'α',
      caption: 'By α.',
      rows: 2,
      width: 9,
      height: 9,
      files: ['svg'],
    };
    const figures = [{ ...figure, provenance: 'x' }];
    writeFileSync(join(sweep, 'figures', 'figures.json'), JSON.stringify({ figures }));
    writeFileSync(join(sweep, 'figures', 'alpha.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>');
    const made = writeStudy(temporaryFolder(), { ...study, models });
    const root = await reportOf({ ...made.inputs, sweep: [{ path: sweep }] }, { title: 'Runs' });
    const rows = (name: string) => parseCsv(readFileSync(join(root, 'tables', `${name}.csv`), 'utf8')).rows;

    const zoo = ['lone', 'long-3', 'other'];
    expect(rows('models').map((row) => row.model)).toEqual(zoo);
    expect([...new Set(rows('units').map((row) => row.model))]).toEqual(zoo);
    const states = rows('checkpoints').map((row) => [row.run, row.epoch, row.model, row.top1]);
    expect(states).toEqual([
      ['long', '0', 'long-0', '0.1'],
      ['long', '0.5', 'long-half', '0.125'],
      ['long', '3', 'long-3', '0.25'],
    ]);
    expect(rows('checkpoint-units')).toHaveLength(3 * 12);
    const score = (model: string) => mean(present(made.mis, model));
    const [trained] = rows('trained');
    expect(trained).toMatchObject({
      run: 'long',
      untrained: 'long-0',
      trained: 'long-3',
      epoch: '3',
      units: '10',
    });
    expect(Number(trained!.untrained_mis)).toBeCloseTo(score('long-0'), 12);
    expect(Number(trained!.trained_mis)).toBeCloseTo(score('long-3'), 12);
    expect(Number(trained!.difference)).toBeCloseTo(score('long-3') - score('long-0'), 12);
    expect(Number(trained!.difference_low)).toBeLessThan(Number(trained!.difference));

    const above = score('long-3') > score('long-0') ? 1 : 0;
    const sentence = `${above} of 1 trained network scores above its own untrained weights`;
    const page = readFileSync(join(root, 'index.html'), 'utf8');
    expect(page).toContain(`${sentence} in mean MIS.`);
    expect(readFileSync(join(root, 'summary.txt'), 'utf8')).toContain(
      `\nTraining: 3 states of 1 run. ${sentence}.\n`,
    );
    // directions are in the tables of units and layers, and in no mean over units
    expect(rows('units').filter((row) => row.layer === 'sae')).toHaveLength(5);
    const other = rows('models').find((row) => row.model === 'other')!;
    expect([other.layers, other.units]).toEqual(['2', '12']);
    const units = [...made.mis].filter(([key]) => / other /.test(key) && !key.includes(' sae '));
    expect(Number(other.mis)).toBeCloseTo(mean(units.flatMap(([, score]) => score ?? [])), 12);
    expect(page).toMatch(/id="directions"[\s\S]*<bdi>sae<\/bdi>/);
    expect(rows('layers').some((row) => row.layer_type === 'direction')).toBe(true);
    expect(readFileSync(join(root, 'figures', 'layer-types.csv'), 'utf8')).not.toContain('direction');
    for (const name of ['untrained', 'training', 'training-layers', 'extremes', 'alpha'])
      expect(page, name).toContain(`<figure id="${name}"`);
    for (const name of ['human-models', 'human-units'])
      expect(page, name).toContain(`<figure id="${name}" class="awaited">`);
    expect(existsSync(join(root, 'figures', 'alpha.svg'))).toBe(true);
    expect(rows('sweep')).toHaveLength(2);
  });

  it('stands models without accuracy, a model whose units are all constant, no pictures wanted', async () => {
    const bare: Study = {
      ...study,
      models: [{ name: 'one', layers: [{ name: 'l', type: 'linear', units: 1 }], top1: null }],
    };
    const { inputs } = writeStudy(temporaryFolder(), bare);
    const root = await reportOf({ ...inputs, accuracy: [] }, { 'show-units': 0 });
    expect(existsSync(join(root, 'figures', 'accuracy.svg'))).toBe(false);
    expect(readdirSync(join(root, 'images'))).toEqual([]);
    const constant = writeStudy(temporaryFolder(), {
      ...study,
      models: [{ name: 'dead', layers: LAYERS, top1: 0.1, dead: true }, study.models[0]!],
    });
    expect(await reportOf(constant.inputs)).toBeTruthy();
  });

  it('tells which image changed since it was indexed', async () => {
    const root = temporaryFolder();
    const { inputs } = writeStudy(root, study);
    for (const file of readdirSync(join(root, 'data'))) writeFileSync(join(root, 'data', file), 'changed');
    const error = await reportOf(inputs).catch((caught: unknown) => caught);
    expect(isUserError(error)).toBe(true);
    expect((error as Error).message).toMatch(/png .*since it was indexed/s);
  });
});
