import type { Difficulty, SweepSetting } from '../../tables/sweep-tables.ts';

/** One parameter that a setting changes: its path in the config, and the value as text. */
export interface Change {
  readonly path: string;
  readonly value: string;
}

/**
 * The changes that a setting's canonical text tells of: `score.alpha=0.08,task.n=5`. None for the config's own point, whose
 * text is empty. Throws for a text that isn't of this form, which the engine rules out.
 */
export function changesOf(setting: string): Change[] {
  if (setting === '') return [];
  return setting.split(/,(?=[\w-]+(?:\.[\w-]+)*=)/).map((part) => {
    const at = part.indexOf('=');
    if (at < 1) throw new Error(`"${setting}" is no setting`);
    return { path: part.slice(0, at), value: unquoted(part.slice(at + 1)) };
  });
}

/** A text that looks like another scalar stands in quotes. */
function unquoted(value: string): string {
  return value.startsWith('"') ? (JSON.parse(value) as string) : value;
}

/** The last key of a path: what `task.n` sets is n. */
function nameOf({ path }: Change): string {
  return path.slice(path.lastIndexOf('.') + 1);
}

/** The point of a setting: the config's own with the changes made. Changes of other parameters leave it as it is. */
export function pointOf(setting: string, base: SweepSetting): SweepSetting {
  const values = new Map(changesOf(setting).map((change) => [nameOf(change), change.value]));
  const number = (name: 'alpha' | 'n' | 'k') => (values.has(name) ? Number(values.get(name)) : base[name]);
  const difficulty = values.get('difficulty');
  return {
    alpha: number('alpha'),
    n: number('n'),
    k: number('k'),
    difficulty: difficulty === undefined ? base.difficulty : difficultyOf(difficulty),
  };
}

function difficultyOf(text: string): Difficulty {
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}

/** Shares of the data set above the queries, by which levels are put in order. */
const LEVELS = ['easy', 'medium', 'hard', 'very-hard'];
const SHARES = [0, 0.01, 0.05, 0.15];

/** Where a difficulty stands among others: levels by the share that they stand for, unknown words last. */
export function rankOfDifficulty(difficulty: Difficulty): number {
  if (typeof difficulty === 'number') return difficulty;
  const level = LEVELS.indexOf(difficulty);
  return level < 0 ? 1 : SHARES[level]!;
}

/** Names of what a setting changes: settings that vary the same stand together. */
function sweptBy(setting: string): string {
  return changesOf(setting).map(nameOf).join(',');
}

/** What a row is sorted by. */
interface Placed extends SweepSetting {
  readonly setting: string;
  readonly model: string;
  readonly encoder: string;
}

/** The config's own point first, then by what is swept, then by value; encoders and models by name. */
export function compareSettings(a: Placed, b: Placed): number {
  return (
    changesOf(a.setting).length - changesOf(b.setting).length ||
    compare(sweptBy(a.setting), sweptBy(b.setting)) ||
    a.alpha - b.alpha ||
    a.n - b.n ||
    a.k - b.k ||
    rankOfDifficulty(a.difficulty) - rankOfDifficulty(b.difficulty) ||
    compare(a.setting, b.setting) ||
    compare(a.encoder, b.encoder) ||
    compare(a.model, b.model)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
