import { type Html, html } from '../../common/html.ts';
import type { ModelRow } from '../../tables/report-tables.ts';
import { fixed, type Report, whole } from './page-parts.ts';
import { ranked } from './summary.ts';

/** Where a value lies on the scale of the small pictures in the table, in percent. */
interface Scale {
  readonly low: number;
  readonly high: number;
}

/** The table of models under the main encoder, highest mean MIS first, and below it what the other encoders say. */
export function scoreTable({ models, encoders }: Pick<Report, 'models' | 'encoders'>): Html {
  const rows = ranked(models.filter((row) => row.encoder === encoders[0]));
  const scale = scaleOf(rows);
  const several = encoders.length > 1;
  return html`${several && html`<p class="under">Judged by the encoder <bdi><b>${encoders[0]}</b></bdi></p>`}<div class="scroll"><table class="scores">
<thead><tr><th scope="col">Model</th><th scope="col" class="number">MIS</th><th scope="col">95 % interval</th><th scope="col" class="spread">Units, 5th to 95th percentile</th><th scope="col" class="number">Units</th><th scope="col" class="number">Constant</th><th scope="col" class="number">Layers</th><th scope="col" class="number">Top-1</th></tr></thead>
<tbody>${rows.map((row) => scoreRow(row, scale))}</tbody></table></div>
<p class="hint">MIS: mean over units that are not constant. Bar: where 90 % of the units lie; line: 95 % interval of the mean; dashed: chance.</p>
${several && otherEncoders(rows, models, encoders)}`;
}

/** Mean MIS of every model under every encoder, side by side. */
function otherEncoders(
  order: readonly ModelRow[],
  models: readonly ModelRow[],
  encoders: readonly string[],
): Html {
  const cell = (model: string, encoder: string): Html => {
    const row = models.find((each) => each.model === model && each.encoder === encoder);
    return html`<td class="number"${row ? html` title="${fixed(row.mis_low)} – ${fixed(row.mis_high)} over ${whole(row.units - row.constant_units)} units"` : ''}>${fixed(row?.mis ?? null)}</td>`;
  };
  return html`<details class="encoders"><summary>Mean MIS under each of the ${encoders.length} encoders</summary>
<div class="scroll"><table><thead><tr><th scope="col">Model</th>${encoders.map((encoder) => html`<th scope="col" class="number"><bdi>${encoder}</bdi></th>`)}</tr></thead>
<tbody>${order.map(({ model }) => html`<tr><th scope="row"><bdi>${model}</bdi></th>${encoders.map((encoder) => cell(model, encoder))}</tr>`)}</tbody></table></div>
<p class="hint">α belongs to an encoder: compare the order of models between columns, not the height.</p></details>`;
}

function scaleOf(models: readonly ModelRow[]): Scale {
  const lows = models.flatMap((row) => row.mis_p05 ?? []);
  const highs = models.flatMap((row) => row.mis_p95 ?? []);
  const low = Math.min(0.5, ...lows);
  const high = Math.max(0.6, ...highs);
  const margin = 0.04 * (high - low);
  return { low: Math.max(0, low - margin), high: Math.min(1, high + margin) };
}

function scoreRow(row: ModelRow, scale: Scale): Html {
  const { mis, mis_low, mis_high } = row;
  return html`<tr><th scope="row" title="${row.model}"><bdi>${row.model}</bdi></th>
<td class="number score">${fixed(mis)}</td><td class="interval">${mis === null ? '–' : `${fixed(mis_low)} – ${fixed(mis_high)}`}</td>
<td class="spread">${mis !== null && picture(row, scale)}</td>
<td class="number">${whole(row.units)}</td><td class="number">${whole(row.constant_units)}</td><td class="number">${row.layers}</td>
<td class="number">${row.top1 === null ? '–' : `${(100 * row.top1).toFixed(1)} %`}</td></tr>`;
}

function picture(row: ModelRow, { low, high }: Scale): Html {
  const x = (value: number | null): string => ((240 * (value! - low)) / (high - low)).toFixed(2);
  const words = `5th to 95th percentile ${fixed(row.mis_p05)} to ${fixed(row.mis_p95)}`;
  const width = (from: number | null, to: number | null): string =>
    ((240 * (to! - from!)) / (high - low)).toFixed(2);
  return html`<svg viewBox="0 0 240 22" role="img" aria-label="${words}"><title>${words}</title>
<line x1="${x(0.5)}" x2="${x(0.5)}" y1="0" y2="22" class="chance"/>
<rect x="${x(row.mis_p05)}" y="6" width="${width(row.mis_p05, row.mis_p95)}" height="10" rx="5" class="band"/>
<rect x="${x(row.mis_low)}" y="9.5" width="${width(row.mis_low, row.mis_high)}" height="3" class="mean"/>
<circle cx="${x(row.mis)}" cy="11" r="4.5" class="point"/></svg>`;
}
