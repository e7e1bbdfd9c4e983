import { address, type Html, html, raw } from '../../common/html.ts';
import type { ComparedFigure } from './figures.ts';
import type { MetricChange } from './models.ts';
import { STYLE } from './style.ts';
import { type Comparison, number, percent, points, signed, unitName, unmatched } from './summary.ts';
import type { UnitChange, UnitSummary } from './units.ts';

/** The page of a comparison: one HTML file that needs no network and no JavaScript. */
export function pageHtml(comparison: Comparison, tables: readonly string[], fingerprint: string): string {
  const { runs, figures } = comparison;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'">
<meta name="fingerprint" content="${fingerprint}">
<title>Two runs compared</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<h1>Two runs compared</h1>
<table><thead><tr><th></th><th>Run</th><th>Began</th><th>Command</th></tr></thead><tbody>
${(['a', 'b'] as const).map((side) => html`<tr><th>${side.toUpperCase()}</th><td><code>${runs[side].run}</code></td><td>${runs[side].at}</td><td><code>${runs[side].command}</code></td></tr>`)}
</tbody></table>
${changes(comparison)}
${models(comparison)}
${units(comparison)}
<h2>Figures</h2>
${[false, true].map((wide) => html`<div class="${wide ? 'wide' : 'figures'}">${figures.drawn.filter((each) => isWide(each) === wide).map(figure)}</div>`)}
${alone('The same in both', figures.same)}${alone('Figures in A alone', figures.onlyA)}${alone('Figures in B alone', figures.onlyB)}
<h2>Tables</h2>
<p>${tables.map((name, i) => html`${i > 0 && ' · '}<a href="${address('tables', name)}">${name}</a>`)}</p>
</body>
</html>
`.html;
}

function changes({ changes: found }: Comparison): Html {
  if (found.length === 0) return html`<h2>What differs</h2><p>Nothing that the runs were made of.</p>`;
  const row = ({ kind, what, from, to, stages }: Comparison['changes'][number]) =>
    html`<tr><td>${kind}</td><th>${what}</th><td class="value">${from}</td><td class="value">${to}</td><td>${stages.join(', ')}</td></tr>`;
  return html`<h2>What differs</h2>
<div class="scroll"><table><thead><tr><th></th><th></th><th>A</th><th>B</th><th>Stages</th></tr></thead><tbody>${found.map(row)}</tbody></table></div>`;
}

function models({ models: rows }: Comparison): Html {
  const both = rows.filter((row) => row.in === 'both');
  const named = (where: 'a' | 'b') =>
    rows.filter((row) => row.in === where).map(({ model, encoder }) => `${model} (${encoder})`);
  const cells = ({ a, b, change }: MetricChange, format = number, difference = signed) =>
    html`<td class="number">${format(a)}</td><td class="number">${format(b)}</td><td class="number change">${difference(change)}</td>`;
  const heads = ['MIS', 'Task accuracy', 'Top-1'];
  return html`<h2>Models</h2>
<div class="scroll"><table><thead><tr><th>Model</th><th>Encoder</th>${heads.map((head) => html`<th class="number">${head}: A</th><th class="number">B</th><th class="number">change</th>`)}</tr></thead><tbody>
${both.map(({ model, encoder, metrics }) => html`<tr><th>${model}</th><td>${encoder}</td>${cells(metrics.mis)}${cells(metrics.task_accuracy)}${cells(metrics.top1, percent, points)}</tr>`)}
</tbody></table></div>
${alone('Models in A alone', named('a'))}${alone('Models in B alone', named('b'))}`;
}

function units({ all, byModel, moved, risen, fallen }: Comparison): Html {
  const whole = (value: number) => value.toLocaleString('en-US');
  const row = (name: string, encoder: string, each: UnitSummary) =>
    html`<tr><th>${name}</th><td>${encoder}</td><td class="number">${whole(each.units)}</td><td class="number change">${signed(each.mean_change, 4)}</td><td class="number">[${signed(each.mean_change_low, 4)}, ${signed(each.mean_change_high, 4)}]</td><td class="number">${number(each.mean_absolute_change, 4)}</td><td class="number">${whole(each.moved)}</td><td class="number">${whole(each.moved_up)}</td><td class="number">${whole(each.moved_down)}</td><td class="number">${number(each.pearson)}</td><td class="number">${number(each.spearman)}</td></tr>`;
  return html`<h2>Units</h2>
<div class="scroll"><table><thead><tr><th>Model</th><th>Encoder</th><th class="number">Units</th><th class="number">Mean change</th><th class="number">95 % interval</th><th class="number">Mean |change|</th><th class="number">Moved &gt; ${moved}</th><th class="number">up</th><th class="number">down</th><th class="number">Pearson</th><th class="number">Spearman</th></tr></thead><tbody>
${byModel.map((each) => row(each.model!, each.encoder!, each))}${byModel.length > 1 && row('all', '', all)}
</tbody></table></div>
<p class="hint">Units with a score in both runs, joined by model, encoder, layer and number. Interval: percentile bootstrap over units. ${unmatched(all)}</p>
<div class="pair">${list('Risen most', risen)}${list('Fallen most', fallen)}</div>`;
}

function list(title: string, found: readonly UnitChange[]): Html | false {
  if (found.length === 0) return false;
  return html`<div class="scroll"><table><thead><tr><th>${title}</th><th class="number">A</th><th class="number">B</th><th class="number">change</th></tr></thead><tbody>
${found.map((unit) => html`<tr><th>${unitName(unit)}</th><td class="number">${number(unit.mis_a)}</td><td class="number">${number(unit.mis_b)}</td><td class="number change">${signed(unit.change)}</td></tr>`)}
</tbody></table></div>`;
}

/** Pixels above which a figure gets the page's whole width. */
const WIDE = 700;
const isWide = ({ width }: ComparedFigure): boolean => width > WIDE;

function figure({ name, title, caption, width, height, files }: ComparedFigure): Html {
  const file = (extension: string) => address('figures', `${name}.${extension}`);
  return html`<figure id="${name}"><a href="${file('svg')}"><img src="${file('svg')}" alt="${title}" width="${width}" height="${height}"></a>
<figcaption>${caption} ${files.map((extension, i) => html`${i > 0 && ' · '}<a href="${file(extension)}">${extension.toUpperCase()}</a>`)}</figcaption></figure>`;
}

function alone(title: string, names: readonly string[]): Html | false {
  return names.length > 0 && html`<p>${title}: ${names.join(', ')}</p>`;
}
