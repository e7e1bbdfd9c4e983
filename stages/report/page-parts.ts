import { address, type Html, html } from '../../common/html.ts';
import type { DrawnFigure } from '../../figures/files.ts';
import type { PictureTask } from '../../figures/task-pictures.ts';
import type { CheckpointRow, LayerRow, ModelRow, TrainedRow } from '../../tables/report-tables.ts';
import type { Scale } from '../../tables/scores.ts';
import type { SkippedImage, TaskShape } from './gather.ts';
import type { Params } from './index.ts';
import type { WrittenTable } from './tables.ts';

/** How many units of a model were drawn. */
export interface Sample {
  readonly least: number;
  readonly most: number;
}

/** Everything that the page tells. */
export interface Report {
  readonly params: Params;
  /** The main one first: the page shows its scores, tables have all. */
  readonly encoders: readonly string[];
  readonly models: readonly ModelRow[];
  readonly layers: readonly LayerRow[];
  /** States of training runs, and their last ones against the untrained weights; empty without such runs. */
  readonly checkpoints: readonly CheckpointRow[];
  readonly trained: readonly TrainedRow[];
  readonly tasks: readonly PictureTask[];
  readonly shape: TaskShape;
  /** How each encoder's margins became scores. */
  readonly scales: ReadonlyMap<string, Scale>;
  /** Encoders that judged a sample of the units: the least and most of them a model. */
  readonly samples: ReadonlyMap<string, Sample>;
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

/** A number with three decimals and a true minus sign. */
export function signed(value: number): string {
  return `${value < 0 ? '−' : ''}${Math.abs(value).toFixed(3)}`;
}

/** Links to the files of a figure. */
export function fileLinks(name: string, extensions: readonly string[]): Html {
  const link = (extension: string): Html =>
    html`<a href="${address('figures', `${name}.${extension}`)}">${extension === 'json' ? 'Vega-Lite' : extension.toUpperCase()}</a>`;
  return html`<span class="links">${extensions.map((extension, i) => html`${i > 0 && ' · '}${link(extension)}`)}</span>`;
}
