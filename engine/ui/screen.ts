/** Lines at the bottom of a terminal that are drawn over again, with text that stays above them. */
export interface Screen {
  draw(lines: readonly string[]): void;
  /** Text that stays. The lines are gone until they are drawn again. */
  say(text: string): void;
  /** Leaves the lines as they are, with a text below. */
  leave(text: string): void;
}

interface Window {
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

export function createScreen(terminal: Window): Screen {
  let drawn: number[] = [];
  const columns = () => Math.max(20, terminal.columns || 80);

  /** What a terminal that became narrower since has wrapped takes several rows. */
  const clearing = () => {
    const rows = drawn.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns())), 0);
    drawn = [];
    return rows > 0 ? `\u001b[${rows}A\u001b[0J` : '';
  };
  return {
    draw(lines) {
      const room = Math.max(3, (terminal.rows || 24) - 2);
      const hidden = lines.length - room;
      const fitting = hidden > 0 ? [...lines.slice(0, room - 1), `    … ${hidden + 1} more`] : lines;
      const shown = fitting.map((line) => cut(line, columns() - 1));
      const clear = clearing();
      drawn = shown.map(widthOf);
      terminal.write(clear + shown.map((line) => `${line}\n`).join(''));
    },
    say(text) {
      terminal.write(`${clearing()}${text}\n`);
    },
    leave(text) {
      drawn = [];
      terminal.write(`${text}\n`);
    },
  };
}

/** Columns that a character takes: two for East Asian scripts and pictographs, none for combining marks. */
function columnsOf(character: string): number {
  if (/\p{M}/u.test(character)) return 0;
  return /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(
    character,
  )
    ? 2
    : 1;
}

const widthOf = (text: string): number => [...text].reduce((sum, each) => sum + columnsOf(each), 0);

/** A line without colours, cut to a width. */
function cut(line: string, width: number): string {
  if (widthOf(line) <= width) return line;
  let text = '';
  let used = 1;
  for (const character of line) {
    used += columnsOf(character);
    if (used > width) break;
    text += character;
  }
  return `${text}…`;
}
