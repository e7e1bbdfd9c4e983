import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { FileLook } from './files.ts';
import { ARTIFACT, type Bytes, ENTRY } from './index-entry.mjs';
import { areShapes, kindsIn, type Shape, shapeOf } from './index-shape.ts';
import { artifactsOf } from './records.ts';
import type { PutOut } from './types.ts';

/** The entries in a file of the index, left in its bytes: an object for each of a million would be most of a run's memory. */
export interface IndexFile extends Bytes {
  /** The same bytes once more. */
  readonly words: Int32Array;
  readonly shapes: readonly Shape[];
  /** Where each entry begins, in order. */
  readonly starts: Uint32Array;
}

/** A file is its head, the lengths of the shapes' text and of all entries together, the shapes (JSON, padded), the entries. */
const HEAD = /^mis records 2: ([0-9a-f]{64})\n$/;
const HEAD_LENGTH = 80;
const [SHAPES, ENTRIES] = [80, 88];
const BODY = 96;

const padded = (length: number): number => Math.ceil(length / 8) * 8;

/** Undefined where there is none, or one that is cut, changed or of another version. */
export function readIndexFile(path: string): IndexFile | undefined {
  try {
    const bytes = readShared(path);
    const head = HEAD.exec(bytes.toString('latin1', 0, HEAD_LENGTH));
    return head && head[1] === checksum(bytes) ? entriesIn(bytes) : undefined;
  } catch {
    return undefined;
  }
}

/** The whole file, in memory that threads share. */
function readShared(path: string): Buffer {
  const handle = openSync(path, 'r');
  try {
    const bytes = Buffer.from(new SharedArrayBuffer(padded(fstatSync(handle).size)));
    let length = 0;
    for (let read = -1; read !== 0; length += read)
      read = readSync(handle, bytes, length, bytes.length - length, length);
    return bytes.subarray(0, length);
  } finally {
    closeSync(handle);
  }
}

const checksum = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes.subarray(HEAD_LENGTH)).digest('hex');

function entriesIn(bytes: Buffer): IndexFile | undefined {
  const numbers = new Float64Array(bytes.buffer, 0, Math.floor(bytes.length / 8));
  const [text, length] = [numbers[SHAPES / 8]!, numbers[ENTRIES / 8]!];
  if (BODY + padded(text) + length !== bytes.length) return undefined;
  const shapes: unknown = JSON.parse(bytes.toString('utf8', BODY, BODY + text));
  if (!areShapes(shapes)) return undefined;
  const kinds = shapes.map(kindsIn);
  const starts: number[] = [];
  let at = BODY + padded(text);
  while (at + ENTRY.artifacts <= bytes.length) {
    const count = bytes.readUInt32LE(at + ENTRY.count);
    if (count !== kinds[bytes.readUInt32LE(at + ENTRY.shape)]?.length) return undefined;
    starts.push(at);
    at += ENTRY.artifacts + count * ARTIFACT.length;
  }
  const folders = kinds.map((of) =>
    of.includes('folder') ? of.map((kind) => kind === 'folder') : undefined,
  );
  if (at !== bytes.length) return undefined;
  const words = new Int32Array(bytes.buffer, 0, bytes.length / 4);
  return { bytes, numbers, words, folders, shapes, starts: Uint32Array.from(starts) };
}

/** Entries that aren't in a file yet. */
export interface NewEntries {
  readonly count: number;
  /** The later of two of one fingerprint counts. Names that aren't SHA-256 aren't kept. */
  add(fingerprint: string, file: FileLook, record: PutOut): void;
  /** Takes an entry of a file, unless there is one of the fingerprint. */
  copy(from: IndexFile, start: number): void;
  /** The bytes of files of so many entries each. */
  files(entries: number): Buffer[];
}

export function newEntries(): NewEntries {
  let bytes = Buffer.alloc(1 << 16);
  let length = 0;
  const starts = new Map<string, number>();
  const shapes = new Map<string, number>();

  /** Makes room for an entry and notes it. One that there was stays in the bytes, before it. */
  function begin(fingerprint: string, size: number): void {
    if (length + size > bytes.length) bytes = Buffer.concat([bytes.subarray(0, length)], 2 * (length + size));
    starts.delete(fingerprint);
    starts.set(fingerprint, length);
  }
  function shapeNumber(shape: Shape): number {
    const text = JSON.stringify(shape);
    const number = shapes.get(text) ?? shapes.size;
    shapes.set(text, number);
    return number;
  }
  function head(shape: number, count: number): void {
    bytes.writeUInt32LE(shape, length + ENTRY.shape);
    bytes.writeUInt32LE(count, length + ENTRY.count);
  }
  return {
    get count() {
      return starts.size;
    },
    add(fingerprint, { ino, size, mtimeMs }, record) {
      const artifacts = artifactsOf(record);
      const whole = ENTRY.artifacts + artifacts.length * ARTIFACT.length;
      if (!/^[0-9a-f]{64}$/.test(fingerprint)) return;
      begin(fingerprint, whole);
      bytes.write(fingerprint, length, 'hex');
      for (const [i, number] of [ino, size, mtimeMs].entries())
        bytes.writeDoubleLE(number, length + ENTRY.file + 8 * i);
      head(shapeNumber(shapeOf(record)), artifacts.length);
      for (const [i, artifact] of artifacts.entries()) {
        const at = length + ENTRY.artifacts + i * ARTIFACT.length;
        bytes.write(artifact.digest, at, 'hex');
        bytes.writeDoubleLE(artifact.bytes, at + ARTIFACT.bytes);
      }
      length += whole;
    },
    copy(from, start) {
      const count = from.bytes.readUInt32LE(start + ENTRY.count);
      const whole = ENTRY.artifacts + count * ARTIFACT.length;
      const fingerprint = from.bytes.toString('hex', start, start + 32);
      if (starts.has(fingerprint)) return;
      begin(fingerprint, whole);
      from.bytes.copy(bytes, length, start, start + whole);
      head(shapeNumber(from.shapes[from.bytes.readUInt32LE(start + ENTRY.shape)]!), count);
      length += whole;
    },
    files(entries) {
      const text = Buffer.from(`[${[...shapes.keys()].join(',')}]`);
      const ends = [...starts.values(), length];
      const parts: Buffer[] = [];
      for (let first = 0; first < starts.size; first += entries) {
        const end = ends[Math.min(first + entries, starts.size)]!;
        parts.push(fileOf(text, bytes.subarray(ends[first]!, end)));
      }
      return parts;
    },
  };
}

function fileOf(shapes: Buffer, entries: Buffer): Buffer {
  const lengths = Buffer.alloc(BODY - HEAD_LENGTH);
  lengths.writeDoubleLE(shapes.length, SHAPES - HEAD_LENGTH);
  lengths.writeDoubleLE(entries.length, ENTRIES - HEAD_LENGTH);
  const padding = Buffer.alloc(padded(shapes.length) - shapes.length);
  const file = Buffer.concat([Buffer.alloc(HEAD_LENGTH), lengths, shapes, padding, entries]);
  file.write(`mis records 2: ${checksum(file)}\n`, 'latin1');
  return file;
}
