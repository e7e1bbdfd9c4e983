import type { ModelRow } from '../../tables/report-tables.ts';

/** Columns of the reports' table of models that are compared. */
export const METRICS = [
  'mis',
  'mis_low',
  'mis_high',
  'mis_p05',
  'mis_p95',
  'task_accuracy',
  'mean_margin',
  'top1',
  'top5',
  'layers',
  'units',
  'constant_units',
] as const;
export type Metric = (typeof METRICS)[number];

/** A metric of a model in both runs; null where there is none. */
export interface MetricChange {
  readonly a: number | null;
  readonly b: number | null;
  /** b − a */
  readonly change: number | null;
}

/** A model under an encoder, in one run or both. */
export interface ModelChange {
  readonly model: string;
  readonly encoder: string;
  readonly in: 'a' | 'b' | 'both';
  readonly metrics: Readonly<Record<Metric, MetricChange>>;
}

/** Joins the models of two reports by name and encoder: those of the newer report in its order, then what it lacks. */
export function compareModels(a: readonly ModelRow[], b: readonly ModelRow[]): ModelChange[] {
  const key = ({ model, encoder }: ModelRow): string => JSON.stringify([encoder, model]);
  const [old, now] = [a, b].map((rows) => new Map(rows.map((row) => [key(row), row])));
  const keys = [...new Set([...now!.keys(), ...old!.keys()])];
  return keys.map((each) => {
    const [from, to] = [old!.get(each), now!.get(each)];
    const { model, encoder } = (to ?? from)!;
    const metrics = Object.fromEntries(METRICS.map((name) => [name, changeOf(from?.[name], to?.[name])]));
    return {
      model,
      encoder,
      in: from && to ? 'both' : from ? 'a' : 'b',
      metrics: metrics as Record<Metric, MetricChange>,
    };
  });
}

function changeOf(from: number | null = null, to: number | null = null): MetricChange {
  return { a: from, b: to, change: from === null || to === null ? null : to - from };
}
