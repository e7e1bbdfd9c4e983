import { readFileSync } from 'node:fs';
import { sha256 } from '../common/json.ts';

/** The entries in a file of the index, found in its bytes: a text for each of a million would be most of a run's memory. */
export interface IndexFile {
  /** Number of lines. */
  readonly count: number;
  /** The text of an entry; the later one, if a fingerprint has two. */
  find(fingerprint: string): string | undefined;
  /** Fingerprint and text of each line, in order. */
  lines(): [fingerprint: string, text: string][];
}

const FORMAT = 1;
const HEAD = /^mis records (\d+) ([0-9a-f]{64})\n/;
const LONGEST_HEAD = 100;
const [SPACE, LINE_END] = [0x20, 0x0a];
const HASHED = 12;

/**
 * The text of a file: a head line with the SHA-256 of what follows, then a line for each entry, its fingerprint and its
 * text with a space between.
 */
export function indexText(entries: Iterable<readonly [fingerprint: string, text: string]>): string {
  const body = Array.from(entries, ([fingerprint, text]) => `${fingerprint} ${text}\n`).join('');
  return `mis records ${FORMAT} ${sha256(body)}\n${body}`;
}

/** Undefined where there is none, or one that is cut, changed or of another version. */
export function readIndexFile(path: string): IndexFile | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch {
    return undefined;
  }
  const head = HEAD.exec(bytes.toString('latin1', 0, LONGEST_HEAD));
  if (Number(head?.[1]) !== FORMAT) return undefined;
  const body = bytes.subarray(head![0].length);
  return sha256(body) === head![2] ? entriesIn(body) : undefined;
}

function entriesIn(body: Buffer): IndexFile {
  const starts = startsIn(body);
  const count = starts.length - 1;
  const mask = 2 ** Math.ceil(Math.log2(2 * count + 1)) - 1;
  /** Of each place the number of a line and one more, 0 where it is free; the next free one is taken. */
  const table = new Int32Array(mask + 1);
  // From the end, so that of two lines of one fingerprint the later one is met first.
  for (let line = count - 1; line >= 0; line--) {
    let place = hashOfLine(body, starts[line]!) & mask;
    while (table[place] !== 0) place = (place + 1) & mask;
    table[place] = line + 1;
  }
  const textOf = (line: number, from: number) => body.toString('utf8', from, starts[line + 1]! - 1);

  return {
    count,
    find(fingerprint) {
      for (let place = hashOf(fingerprint) & mask; table[place] !== 0; place = (place + 1) & mask) {
        const line = table[place]! - 1;
        const start = starts[line]!;
        if (beginsWith(body, start, fingerprint)) return textOf(line, start + fingerprint.length + 1);
      }
      return undefined;
    },
    lines: () =>
      Array.from({ length: count }, (_, line) => {
        const text = textOf(line, starts[line]!);
        const cut = text.indexOf(' ');
        return [text.slice(0, cut), text.slice(cut + 1)];
      }),
  };
}

/** Where each line begins, and the end of the last one. */
function startsIn(body: Buffer): Uint32Array {
  let starts = new Uint32Array(1 << 16);
  let count = 1;
  for (let end = body.indexOf(LINE_END); end !== -1; end = body.indexOf(LINE_END, end + 1)) {
    if (count === starts.length) {
      const longer = new Uint32Array(2 * count);
      longer.set(starts);
      starts = longer;
    }
    starts[count++] = end + 1;
  }
  return starts.subarray(0, count);
}

const mixed = (hash: number, code: number): number => Math.imul(hash ^ code, 0x01000193);

/** The same number of a fingerprint and of the line that begins with it. */
function hashOf(fingerprint: string): number {
  let hash = 0;
  const end = Math.min(HASHED, fingerprint.length);
  for (let i = 0; i < end; i++) hash = mixed(hash, fingerprint.charCodeAt(i));
  return hash ^ (hash >>> 15);
}

function hashOfLine(body: Buffer, start: number): number {
  let hash = 0;
  const end = Math.min(start + HASHED, body.length);
  for (let at = start; at < end && body[at] !== SPACE; at++) hash = mixed(hash, body[at]!);
  return hash ^ (hash >>> 15);
}

/** Whether a line begins with a fingerprint and a space. */
function beginsWith(body: Buffer, start: number, fingerprint: string): boolean {
  if (body[start + fingerprint.length] !== SPACE) return false;
  for (let i = 0; i < fingerprint.length; i++)
    if (body[start + i] !== fingerprint.charCodeAt(i)) return false;
  return true;
}
