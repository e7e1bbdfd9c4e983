import type { Column, ColumnType } from './parquet-column.ts';

/** One row of `models`: a model under an encoder. Means, percentiles and intervals are over non-constant units. */
export interface ModelRow {
  readonly model: string;
  readonly encoder: string;
  /** Mean MIS over units, null when every unit is constant; the ends of its 95 % bootstrap interval. */
  readonly mis: number | null;
  readonly mis_low: number | null;
  readonly mis_high: number | null;
  /** 5th and 95th percentile of MIS over units. */
  readonly mis_p05: number | null;
  readonly mis_p95: number | null;
  readonly task_accuracy: number | null;
  readonly mean_margin: number | null;
  readonly layers: number;
  readonly units: number;
  readonly constant_units: number;
  /** Share of images whose label is the model's first guess, among its five first; null when not known. */
  readonly top1: number | null;
  readonly top5: number | null;
}

/** One row of `layers`: a layer of a model under an encoder, summed up as in `ModelRow`. */
export interface LayerRow {
  readonly model: string;
  readonly encoder: string;
  readonly layer: string;
  readonly layer_type: string;
  readonly depth: number;
  readonly relative_depth: number;
  readonly width: number;
  readonly relative_width: number;
  readonly units: number;
  readonly constant_units: number;
  readonly mis: number | null;
  readonly mis_low: number | null;
  readonly mis_high: number | null;
  readonly mis_p05: number | null;
  readonly mis_p95: number | null;
  readonly task_accuracy: number | null;
}

/** One row of `checkpoints`: a model that is the state of a training run after so many epochs, 0 for the initial weights. */
export interface CheckpointRow extends ModelRow {
  readonly run: string;
  readonly epoch: number;
}

/** One row of `trained`: a training run's last state against its own untrained weights, under an encoder. */
export interface TrainedRow {
  readonly run: string;
  readonly encoder: string;
  /** Models that are the states, and the last one's epoch. */
  readonly untrained: string;
  readonly trained: string;
  readonly epoch: number;
  /** Mean MIS of both over their units that aren't constant. */
  readonly untrained_mis: number | null;
  readonly trained_mis: number | null;
  /** Mean over the units that both score of trained − untrained, with its 95 % bootstrap interval, and their number. */
  readonly difference: number | null;
  readonly difference_low: number | null;
  readonly difference_high: number | null;
  readonly units: number;
}

const column = (type: ColumnType, names: string): Column[] =>
  names.split(' ').map((name) => ({ name, type }));
const orNull = (names: string): Column[] =>
  names.split(' ').map((name) => ({ name, type: 'float64', nullable: true }));
const subject = (encoder: boolean): Column[] => column('utf8', encoder ? 'model encoder' : 'model');
const state = (): Column[] => [...column('utf8', 'run'), ...column('float64', 'epoch')];

/** `images`: a row an image of the data set; `image` is its number, the row itself. */
export function imageColumns(): Column[] {
  return [
    ...column('int32', 'image'),
    ...column('utf8', 'path'),
    { name: 'label', type: 'utf8', nullable: true },
    ...column('int64', 'bytes'),
    ...column('int32', 'width height'),
    ...column('utf8', 'digest'),
  ];
}

/** `models`: see `ModelRow`. The `encoder` column is there only when there are several. */
export function modelColumns(encoder: boolean): Column[] {
  return [
    ...subject(encoder),
    ...orNull('mis mis_low mis_high mis_p05 mis_p95 task_accuracy mean_margin'),
    ...column('int32', 'layers units constant_units'),
    ...orNull('top1 top5'),
  ];
}

/** `layers`: see `LayerRow`. */
export function layerColumns(encoder: boolean): Column[] {
  return [
    ...subject(encoder),
    ...column('utf8', 'layer layer_type'),
    ...column('int32', 'depth'),
    ...column('float64', 'relative_depth'),
    ...column('int32', 'width'),
    ...column('float64', 'relative_width'),
    ...column('int32', 'units constant_units'),
    ...orNull('mis mis_low mis_high mis_p05 mis_p95 task_accuracy'),
  ];
}

/** `units`: every unit of every model; scores are null where the unit is constant. */
export function unitColumns(encoder: boolean): Column[] {
  return [
    ...subject(encoder),
    ...column('utf8', 'layer layer_type'),
    ...column('int32', 'depth'),
    ...column('float64', 'relative_depth'),
    ...column('int32', 'width'),
    ...column('float64', 'relative_width'),
    ...column('int32', 'unit'),
    ...column('bool', 'constant'),
    ...orNull('mis mis_low mis_high task_accuracy mean_margin sd_p'),
    ...column('float64', 'activation_min activation_max activation_mean activation_sd'),
  ];
}

/** `tasks`: every task of every unit that isn't constant. Images are numbers: rows of `images`. */
export function taskColumns(encoder: boolean): Column[] {
  return [
    ...subject(encoder),
    ...column('utf8', 'layer'),
    ...column('int32', 'unit task query_plus query_minus'),
    ...column('int32-list', 'references_plus references_minus'),
    ...column('float64', 's_plus_plus s_plus_minus s_minus_plus s_minus_minus margin p'),
  ];
}

/** `checkpoints`: see `CheckpointRow`; the columns of `models` behind run and epoch. */
export function checkpointColumns(encoder: boolean): Column[] {
  return [...state(), ...modelColumns(encoder)];
}

/** `checkpoint-units`: every unit of every state of a training run; the columns of `units` behind run and epoch. */
export function checkpointUnitColumns(encoder: boolean): Column[] {
  return [...state(), ...unitColumns(encoder)];
}

/** `trained`: see `TrainedRow`. */
export function trainedColumns(encoder: boolean): Column[] {
  return [
    ...column('utf8', encoder ? 'run encoder untrained trained' : 'run untrained trained'),
    ...column('float64', 'epoch'),
    ...orNull('untrained_mis trained_mis difference difference_low difference_high'),
    ...column('int32', 'units'),
  ];
}
