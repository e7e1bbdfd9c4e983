import { type Html, html } from '../../common/html.ts';
import type { TrainedRow } from '../../tables/report-tables.ts';
import { fixed, type Report, signed } from './page-parts.ts';
import { trainedWords } from './trained-words.ts';

/** Trained networks against their own untrained weights: the sentence and, under the main encoder, the table. */
export function trainingSection({ trained, encoders }: Report): Html | false {
  const shown = trained.filter((row) => row.encoder === encoders[0]);
  if (shown.length === 0) return false;
  const others = encoders.slice(1).filter((encoder) => trained.some((row) => row.encoder === encoder));
  const sentences = others.map((encoder) => trainedWords(trained, encoder, ` in mean MIS under ${encoder}`));
  return html`<section id="training"><h2>Trained against untrained</h2>
<p>${trainedWords(trained, encoders[0]!, encoders.length > 1 ? ` in mean MIS under ${encoders[0]}` : ' in mean MIS')} ${sentences.join(' ')}</p>
<div class="scroll"><table class="trained">
<thead><tr><th scope="col">Training run</th><th scope="col" class="number">Epochs</th><th scope="col" class="number">Untrained</th><th scope="col" class="number">Trained</th><th scope="col" class="number">Difference</th><th scope="col">95 % interval</th></tr></thead>
<tbody>${byDifference(shown).map(rowHtml)}</tbody></table></div>
<p class="hint">Untrained, trained: mean MIS over units that are not constant in that state. Difference: mean over the units that both states score, with its bootstrap interval.</p></section>`;
}

function byDifference(rows: readonly TrainedRow[]): TrainedRow[] {
  return [...rows].sort((a, b) => (b.difference ?? -2) - (a.difference ?? -2));
}

function rowHtml(row: TrainedRow): Html {
  const { difference: change, difference_low: low, difference_high: high } = row;
  const interval = change === null ? '–' : `${signed(low!)} to ${signed(high!)}`;
  return html`<tr><th scope="row" title="${row.untrained} and ${row.trained}"><bdi>${row.run}</bdi></th><td class="number">${row.epoch}</td>
<td class="number">${fixed(row.untrained_mis)}</td><td class="number">${fixed(row.trained_mis)}</td>
<td class="number score">${change === null ? '–' : signed(change)}</td><td class="interval">${interval}</td></tr>`;
}
