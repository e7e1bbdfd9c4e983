import { dirname } from 'node:path';
import { LineCounter } from 'yaml';
import { UserError } from '../../common/errors.ts';

/** A text that values come from: a YAML file, or a `--set` argument. */
export interface Source {
  /** As shown in messages: a path relative to the working directory, or `--set score.alpha=0.2`. */
  readonly name: string;
  readonly text: string;
  /** Folder that relative paths in this text are relative to. */
  readonly folder: string;
  readonly lines: LineCounter;
}

/** A range of characters of a source. */
export interface Place {
  readonly source: Source;
  readonly start: number;
  readonly end: number;
}

export function sourceOf(name: string, text: string, folder: string): Source {
  let lines: LineCounter | undefined;
  return {
    name,
    text,
    folder,
    get lines() {
      lines ??= linesOf(text);
      return lines;
    },
  };
}

function linesOf(text: string): LineCounter {
  const lines = new LineCounter();
  lines.addNewLine(0);
  for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', end + 1)) lines.addNewLine(end + 1);
  return lines;
}

export function fileSource(name: string, path: string, text: string): Source {
  return sourceOf(name, text, dirname(path));
}

const isArgument = (source: Source): boolean => /^(--set|mis sweep)/.test(source.name);

/** `file:line:column` of a place, both counted from 1; for a `--set` argument its name alone. */
export function coordinates(place: Place): string {
  if (isArgument(place.source)) return place.source.name;
  const { line, col } = place.source.lines.linePos(place.start);
  return line === 0 ? place.source.name : `${place.source.name}:${line}:${col}`;
}

/**
 * An error that points at a place: `file:line:column: message`, the line with a marker under it, then the hint (what was
 * expected, the nearest known name).
 */
export function errorAt(place: Place, message: string, hint?: string): UserError {
  const { line, col } = place.source.lines.linePos(place.start);
  const text = place.source.text.split('\n')[Math.max(0, line - 1)]?.replace(/\r$/, '') ?? '';
  const column = Math.max(1, col);
  const width = Math.max(1, Math.min(place.end - place.start, text.length - column + 1));
  const { name } = place.source;
  const shown = clip(text, column, width);
  const head = isArgument(place.source)
    ? `  ${name}${/^(--set|mis sweep|mis sweep --only)$/.test(name) ? ' ' : '='}`
    : `  ${Math.max(1, line)} | `;
  const margin = isArgument(place.source) ? ' '.repeat(head.length) : `${' '.repeat(head.length - 2)}| `;
  const excerpt = `${head}${shown.text}\n${margin}${' '.repeat(shown.column - 1)}${'^'.repeat(shown.width)}`;
  return new UserError(`${coordinates(place)}: ${message}\n${excerpt}${hint ? `\n  ${hint}` : ''}`);
}

/** Keeps very long lines readable: at most 100 characters around the marker. */
function clip(text: string, column: number, width: number) {
  const start = column > 80 ? column - 40 : 1;
  const part = text.slice(start - 1, start + 99).replaceAll('\t', ' ');
  return { text: part, column: column - start + 1, width: Math.min(width, 100) };
}
