import type { ModelRow } from '../../tables/report-tables.ts';
import { type Html, html } from './html.ts';
import { fixed, type Report, whole } from './page-parts.ts';
import { ranked } from './summary.ts';

/** Where a value lies on the scale of the small pictures in the table, in percent. */
interface Scale {
  readonly low: number;
  readonly high: number;
}

/** The table of models, highest mean MIS first, one for each encoder. */
export function scoreTable({ models, encoders }: Pick<Report, 'models' | 'encoders'>): Html {
  const scale = scaleOf(models);
  const blocks = encoders.map((encoder) => {
    const rows = ranked(models.filter((row) => row.encoder === encoder));
    return html`${encoders.length > 1 && html`<h3>Encoder <bdi>${encoder}</bdi></h3>`}<div class="scroll"><table class="scores">
<thead><tr><th scope="col">Model</th><th scope="col" class="number">MIS</th><th scope="col">95 % interval</th><th scope="col" class="spread">Units, 5th to 95th percentile</th><th scope="col" class="number">Units</th><th scope="col" class="number">Constant</th><th scope="col" class="number">Layers</th><th scope="col" class="number">Top-1</th></tr></thead>
<tbody>${rows.map((row) => scoreRow(row, scale))}</tbody></table></div>`;
  });
  return html`${blocks}<p class="hint">MIS: mean over units that are not constant. Bar: where 90 % of the units lie; line: 95 % interval of the mean; dashed: chance.</p>`;
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
