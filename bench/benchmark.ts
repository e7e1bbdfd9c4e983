/** One comparison: `of` is what was measured of mis, `to` the reference taken in the same run. */
export interface Result {
  /** What was compared: "ResNet-50 at 224 px". */
  readonly case: string;
  /** How many times better mis is than the reference (or the share of the floor reached): more is better. */
  readonly ratio: number;
  readonly of: number;
  readonly to: number;
  /** Unit of `of` and `to`: "images/s", "s", "µs/image", … */
  readonly unit: string;
  /** What the project wants the ratio to be at least; absent where there is no such number. */
  readonly target?: number;
  /** Sizes and what else a reader must know: "400 JPEG files of 500 × 375, batch 8, 2 workers, median of 5". */
  readonly sizes: string;
  /** More measured numbers, by name with unit: { 'peak memory (MiB)': 812 }. */
  readonly more?: Readonly<Record<string, number>>;
}
export interface Bench {
  readonly quick: boolean;
  /** A folder that is removed afterwards. */
  readonly dir: string;
  /** A line for the person who waits (stderr). */
  say(text: string): void;
  /** Called with each result as soon as it is there. */
  result(result: Result): void;
}
export interface Benchmark {
  /** One line for the help. */
  readonly summary: string;
  /** Versions of what it was compared with, for the header: { numpy: '1.24.2' }. */
  versions?(): Promise<Readonly<Record<string, string>>>;
  run(bench: Bench): Promise<void>;
}
