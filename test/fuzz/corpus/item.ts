/** Kinds of input, each with a reader of its own. */
export type Kind =
  | 'config'
  | 'pipeline'
  | 'onnx'
  | 'tar'
  | 'image'
  | 'record'
  | 'images'
  | 'places'
  | 'activations'
  | 'predictions'
  | 'embeddings'
  | 'explanations'
  | 'unit-stats'
  | 'margins'
  | 'units'
  | 'tasks';

/** A valid input to start from. */
export interface Item {
  readonly kind: Kind;
  /** File name; for configs the path within the project. */
  readonly name: string;
  readonly bytes: Buffer;
}
