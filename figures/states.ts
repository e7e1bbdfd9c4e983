import type { ModelRow } from '../tables/report-tables.ts';
import { compare, encodersOf, type FigureData, groupBy, type UnitPoint } from './figure.ts';

/** A state of a training run with its scores under one encoder. */
export interface State {
  readonly run: string;
  readonly epoch: number;
  readonly model: string;
  readonly encoder: string;
  readonly row: ModelRow & Scores;
}

interface Scores {
  readonly mis: number;
  readonly mis_low: number;
  readonly mis_high: number;
}

/** The scored states of a training run under one encoder, by epoch. */
export interface Run {
  readonly run: string;
  readonly encoder: string;
  readonly states: readonly State[];
}

/**
 * Every training run under every encoder (in the config's order, then by name) with its scored states by epoch. Runs of
 * a single state are left out.
 */
export function runsOf({ models, training, encoders }: FigureData): Run[] {
  if (!training) return [];
  const rows = [...models, ...training.models].filter((row): row is State['row'] => row.mis !== null);
  const rowsOf = groupBy(rows, (row) => row.model);
  const states = training.checkpoints.flatMap(({ model, run, epoch }) =>
    (rowsOf.get(model) ?? []).map((row): State => ({ run, epoch, model, encoder: row.encoder, row })),
  );
  const order = encodersOf(rows, encoders);
  const groups = groupBy(states, ({ run, encoder }) => JSON.stringify([run, encoder]));
  return [...groups.values()]
    .filter((own) => own.length > 1)
    .map((own) => ({ ...own[0]!, states: own.sort((a, b) => a.epoch - b.epoch) }))
    .map(({ run, encoder, states }) => ({ run, encoder, states }))
    .sort((a, b) => order.indexOf(a.encoder) - order.indexOf(b.encoder) || compare(a.run, b.run));
}

/** The runs that were watched: those of three or more states, or all where there are none of these. */
export function watched(runs: readonly Run[]): Run[] {
  const long = runs.filter(({ states }) => states.length > 2);
  return long.length > 0 ? long : [...runs];
}

/** Names a state's unit among those of its run. */
export function unitKey({ layer, unit }: Pick<UnitPoint, 'layer' | 'unit'>): string {
  return `${unit} ${layer}`;
}

/** "epoch 0.25", "initial weights". */
export function epochWords(epoch: number): string {
  return epoch === 0 ? 'initial weights' : `epoch ${epoch}`;
}
