import type { DrawnFigure } from '../../figures/files.ts';
import type { PictureTask } from '../../figures/task-pictures.ts';
import type { LayerRow, ModelRow } from '../../tables/report-tables.ts';
import type { Scale } from '../../tables/scores.ts';
import type { SkippedImage, TaskShape } from './gather.ts';
import { address, type Html, html } from './html.ts';
import type { Params } from './index.ts';
import type { WrittenTable } from './tables.ts';

/** Everything that the page tells. */
export interface Report {
  readonly params: Params;
  readonly encoders: readonly string[];
  readonly models: readonly ModelRow[];
  readonly layers: readonly LayerRow[];
  readonly tasks: readonly PictureTask[];
  readonly shape: TaskShape;
  /** How each encoder's margins became scores. */
  readonly scales: ReadonlyMap<string, Scale>;
  readonly data: {
    readonly images: number;
    readonly classes: number;
    readonly skipped: readonly SkippedImage[];
  };
  readonly figures: readonly DrawnFigure[];
  readonly tables: readonly WrittenTable[];
}

/** A number with commas: 12,340. */
export const whole = (value: number): string => value.toLocaleString('en-US');

/** A score with three decimals, or a dash. */
export function fixed(value: number | null): string {
  return value === null ? '–' : value.toFixed(3);
}

/** Links to the files of a figure. */
export function fileLinks(name: string, extensions: readonly string[]): Html {
  const link = (extension: string): Html =>
    html`<a href="${address('figures', `${name}.${extension}`)}">${extension === 'json' ? 'Vega-Lite' : extension.toUpperCase()}</a>`;
  return html`<span class="links">${extensions.map((extension, i) => html`${i > 0 && ' · '}${link(extension)}`)}</span>`;
}
