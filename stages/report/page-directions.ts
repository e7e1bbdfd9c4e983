import { type Html, html } from '../../common/html.ts';
import type { LayerRow } from '../../tables/report-tables.ts';
import { type DirectionRow, directionRows } from './directions.ts';
import { fixed, type Report, whole } from './page-parts.ts';

/** Directions that are not units, beside the layer that they read. */
export function directionsSection({ layers, encoders }: Report): Html | false {
  const rows = directionRows(layers, encoders[0]!);
  if (rows.length === 0) return false;
  return html`<section id="directions"><h2>Directions</h2>
<p class="hint">Directions in the space of a layer, such as the latents of a sparse autoencoder, scored as units are. They count in no mean of a model and stand in no figure of units; the tables layers, units and tasks have them under the type direction.</p>
<div class="scroll"><table class="trained">
<thead><tr><th scope="col">Model</th><th scope="col">Directions</th><th scope="col" class="number">Number</th><th scope="col" class="number">Constant</th><th scope="col" class="number">MIS</th><th scope="col">95 % interval</th><th scope="col">Layer that they read</th></tr></thead>
<tbody>${rows.map(rowHtml)}</tbody></table></div></section>`;
}

function rowHtml({ directions, read }: DirectionRow): Html {
  return html`<tr><th scope="row"><bdi>${directions.model}</bdi></th><td><bdi>${directions.layer}</bdi></td><td class="number">${whole(directions.units)}</td><td class="number">${whole(directions.constant_units)}</td>
<td class="number score">${fixed(directions.mis)}</td><td class="interval">${interval(directions)}</td><td>${read && html`<bdi>${read.layer}</bdi>: ${fixed(read.mis)}, ${whole(read.units)} units`}</td></tr>`;
}

function interval({ mis_low, mis_high }: LayerRow): string {
  return mis_low === null ? '–' : `${fixed(mis_low)} – ${fixed(mis_high)}`;
}
