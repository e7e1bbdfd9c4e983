import { address, type Html, html, raw, visible } from '../../common/html.ts';
import type { ModelRow } from '../../tables/report-tables.ts';
import type { Scale } from '../../tables/scores.ts';
import type { SkippedImage } from './gather.ts';
import type { Params } from './index.ts';
import { directionsSection } from './page-directions.ts';
import { figuresSection } from './page-figures.ts';
import { type Report, type Sample, whole } from './page-parts.ts';
import { scoreTable } from './page-scores.ts';
import { trainingSection } from './page-training.ts';
import { example, unitCards } from './page-units.ts';
import { STYLE } from './style.ts';

/** The report's page: one HTML file that needs no network and no JavaScript. */
export function pageHtml(report: Report): string {
  const { params } = report;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'">
<title>${params.title}</title>
<style>${raw(STYLE)}</style>
</head>
<body>
${header(report)}
<main>
${notes(params.notes)}
<section id="scores"><h2>Scores</h2>${scoreTable(report)}</section>
${trainingSection(report)}
${directionsSection(report)}
${example(report)}
${figuresSection(report)}
${unitCards(report)}
${dataSection(report)}
${filesSection(report)}
</main>
<footer>MIS after Zimmermann, Klindt and Brendel, <cite>Measuring Per-Unit Interpretability at Scale Without Humans</cite>, NeurIPS 2024.</footer>
</body>
</html>
`;
  return page.html;
}

function header({ params, models, encoders, trained, tasks, data, shape, tables }: Report): Html {
  const one = models.filter((row) => row.encoder === encoders[0]);
  const sum = (of: (row: ModelRow) => number): number => one.reduce((total, row) => total + of(row), 0);
  const scored = sum((row) => row.units - row.constant_units);
  const facts: [string, string][] = [
    [whole(one.length), one.length === 1 ? 'network' : 'networks'],
    [whole(sum((row) => row.layers)), 'layers'],
    [whole(sum((row) => row.units)), 'units'],
    [whole(data.images), 'images'],
    [whole(tables.find(({ name }) => name === 'tasks')?.rows ?? scored * shape.tasks), 'tasks'],
  ];
  const links = [
    'scores',
    ...(trained.length > 0 ? ['training'] : []),
    'figures',
    ...(tasks.length > 0 ? ['units'] : []),
    'data',
    'files',
  ];
  return html`<header>
<div class="bar"><span class="mark">mis</span><nav>${links.map((name) => html`<a href="#${name}">${name}</a>`)}</nav></div>
<h1>${params.title}</h1>
<p class="lead">How well can one tell, from the images that excite a unit most and least, which new image will excite it? The machine interpretability score (MIS) answers for every unit of a network, without asking people: 0.5 is chance, 1 is certainty.</p>
<dl class="facts">${facts.map(([value, name]) => html`<div><dd>${value}</dd><dt>${name}</dt></div>`)}</dl>
</header>`;
}

function notes(texts: readonly string[]): Html | false {
  return texts.length > 0 && html`<aside class="note">${texts.map((text) => html`<p>${text}</p>`)}</aside>`;
}

const MOST_SKIPPED = 200;

function dataSection({ params, encoders, models, data, shape, scales, samples }: Report): Html {
  const facts: [string, Html][] = [
    ['Images', html`${whole(data.images)}${data.classes > 0 && ` in ${whole(data.classes)} classes`}`],
    ['Tasks', html`${shape.tasks} a unit, each with ${shape.references} explanation images a side`],
    [
      'Intervals',
      html`95 %, percentile bootstrap over units, ${whole(params.bootstrap)} resamples, seed ${params.seed}`,
    ],
    ...Object.entries(params.settings).map(([name, value]): [string, Html] => [
      visible(name),
      html`${String(value)}`,
    ]),
    ...encoders.map((encoder): [string, Html] => [
      'Encoder',
      html`<b>${encoder}</b>${described(params, encoder)}. ${alphaWords(params, encoder, scales.get(encoder))} ${sampleWords(samples.get(encoder))}`,
    ]),
    ...[...new Set(models.map((row) => row.model))]
      .filter((model) => params.descriptions[model])
      .map((model): [string, Html] => ['Model', html`<b>${model}</b>${described(params, model)}`]),
  ];
  return html`<section id="data"><h2>Data and method</h2>
<dl class="table">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
${data.skipped.length > 0 && skippedHtml(data.skipped)}</section>`;
}

function described(params: Params, name: string): Html | false {
  const text = Object.hasOwn(params.descriptions, name) && params.descriptions[name];
  return text ? html`: ${text.replace(/\.$/, '')}` : false;
}

/** Whether the encoder's α was fitted on human answers; α belongs to the similarity function. */
function alphaWords(params: Params, encoder: string, scale: Scale | undefined): string {
  const source = params['alpha-source'];
  const own =
    typeof source === 'string' ? source : Object.hasOwn(source, encoder) ? source[encoder] : 'assumed';
  const alpha = scale ? `α = ${scale.alpha}${scale.role === 'factor' ? ' (a factor)' : ''}` : 'α';
  if (own === 'fitted') return `${alpha} was fitted on human answers.`;
  return `${alpha} was assumed, not fitted on human answers: scores rank units and models, but their height can’t be compared with other encoders’.`;
}

/** That an encoder judged a sample of the units alone. */
function sampleWords(sample: Sample | undefined): string {
  if (!sample) return '';
  const { least, most } = sample;
  const units = least === most ? whole(least) : `${whole(least)} to ${whole(most)}`;
  return `It judged a sample: ${units} units of each model.`;
}

function skippedHtml(skipped: readonly SkippedImage[]): Html {
  const rest = skipped.length - MOST_SKIPPED;
  return html`<details><summary>${whole(skipped.length)} ${skipped.length === 1 ? 'image was' : 'images were'} left out because ${skipped.length === 1 ? "it couldn't" : "they couldn't"} be decoded</summary>
<ul class="skipped">${skipped.slice(0, MOST_SKIPPED).map(({ path, reason }) => html`<li><code>${path}</code>: ${reason}</li>`)}</ul>
${rest > 0 && html`<p>and ${whole(rest)} more</p>`}</details>`;
}

const TABLE_WORDS: Readonly<Record<string, string>> = {
  models: 'a row a model: mean MIS with interval and percentiles, units, accuracy',
  layers: 'a row a layer',
  units: 'a row a unit: MIS with interval, task accuracy, margins, activations',
  checkpoints: 'a row a state of a training run: the same, with run and epoch',
  'checkpoint-units': 'a row a unit of each of these states',
  trained: 'a row a training run: its last state against its untrained weights',
  sweep: 'a row a model and varied setting',
  tasks: 'a row a task: its images, similarities, margin and p',
  images: 'a row an image: number, path, label',
};

function filesSection({ tables, encoders, checkpoints }: Report): Html {
  const where = encoders.length > 1 ? ` WHERE encoder = '${encoders[0]!.replaceAll("'", "''")}'` : '';
  const query = `SELECT layer, avg(mis) FROM 'tables/units.parquet'${where} GROUP BY layer ORDER BY 2 DESC`;
  const rows = tables.map(
    ({ name, rows: count, files }) =>
      html`<tr><th scope="row">${name}</th><td class="number">${whole(count)}</td><td>${TABLE_WORDS[name]}</td><td>${files.map((file, i) => html`${i > 0 && ' · '}<a href="${address('tables', file)}">${file.split('.').at(-1) === 'csv' ? 'CSV' : 'Parquet'}</a>`)}</td></tr>`,
  );
  return html`<section id="files"><h2>Files</h2>
<div class="scroll"><table class="files"><thead><tr><th scope="col">Table</th><th scope="col" class="number">Rows</th><th scope="col">What it holds</th><th scope="col">Open</th></tr></thead><tbody>${rows}</tbody></table></div>
${checkpoints.length > 0 && html`<p class="hint">models, layers, units and tasks hold the zoo alone, so that statistics over them aren’t mixed with states of training; those are in the tables checkpoints and checkpoint-units, the trained networks among them.</p>`}
<p class="hint">In DuckDB: <code>${query}</code></p></section>`;
}
