/** A picture of an image of the data set. */
export interface Picture {
  /** Image number, path and label in the data set. */
  readonly image: number;
  readonly path: string;
  readonly label: string | null;
  /** The picture as a `data:` address, for figures that must stand alone. */
  readonly data: string;
  /** Path of the picture's file relative to the report's page. */
  readonly file: string;
  readonly width: number;
  readonly height: number;
}

/** A unit that was chosen to be shown. */
interface ChosenUnit {
  readonly model: string;
  readonly encoder: string;
  readonly layer: string;
  readonly layer_type: string;
  readonly unit: number;
  /** The unit's score and interval. */
  readonly mis: number;
  readonly mis_low: number;
  readonly mis_high: number;
  /** Why the unit was chosen: "highest MIS", "median MIS" … */
  readonly reason: string;
}

/** One task of a chosen unit with its pictures. */
export interface PictureTask extends ChosenUnit {
  readonly task_accuracy: number;
  readonly task: number;
  readonly margin: number;
  readonly p: number;
  readonly query_plus: Picture;
  readonly query_minus: Picture;
  /** Most extreme first. */
  readonly references_plus: readonly Picture[];
  readonly references_minus: readonly Picture[];
}

/** A chosen unit with the images that it responds to most and least. */
export interface ExtremeUnit extends ChosenUnit {
  /** Most extreme first. */
  readonly most: readonly Picture[];
  readonly least: readonly Picture[];
}

/** A unit in one state of a training run. */
export interface UnitState {
  readonly model: string;
  readonly epoch: number;
  readonly mis: number;
  /** The images that it responds to most there, most extreme first. */
  readonly most: readonly Picture[];
}

/** A unit whose score changed much between two states of a training run. */
export interface ChangedUnit {
  readonly run: string;
  readonly encoder: string;
  readonly layer: string;
  readonly layer_type: string;
  readonly unit: number;
  readonly before: UnitState;
  readonly after: UnitState;
}

/** Units for the figure `extremes`, in the order in which they are shown; changed units: largest change first. */
export interface ExtremesData {
  readonly units: readonly ExtremeUnit[];
  readonly changed: readonly ChangedUnit[];
}
