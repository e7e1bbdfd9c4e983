import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import type { Artifact, Store } from '../../cache/store.ts';

/** An artefact and the store that holds it. */
export interface Kept {
  readonly artifact: Artifact;
  readonly store: Store;
}

/** Beyond this the rows of Arrow files aren't compared, since they would have to be in memory. */
const MAX_ARROW = 256 << 20;

/**
 * Where two artefacts first differ, in words: `byte 17 (of 40 and 40): 0x61 and 0x62`, `tables/models.csv: byte …`,
 * `column "margin", row 3: 0.5 and 0.25`. Undefined where they are equal.
 */
export async function firstDifference(a: Kept, b: Kept): Promise<string | undefined> {
  if (a.artifact.digest === b.artifact.digest && a.artifact.kind === b.artifact.kind) return undefined;
  if (a.artifact.kind !== b.artifact.kind) return `a ${a.artifact.kind} and a ${b.artifact.kind}`;
  if (a.artifact.kind === 'file')
    return fileDifference(await a.store.verified(a.artifact), await b.store.verified(b.artifact));
  const [left, right] = [await a.store.manifest(a.artifact), await b.store.manifest(b.artifact)];
  for (const name of [...new Set([...Object.keys(left), ...Object.keys(right)])].sort()) {
    const [one, other] = [left[name], right[name]];
    if (!one || !other) return `${name} is only in the ${one ? 'first' : 'second'}`;
    if (one.digest === other.digest) continue;
    const paths = [a.store.blobPath(one.digest), b.store.blobPath(other.digest)] as const;
    return `${name}: ${await fileDifference(...paths)}`;
  }
  return undefined;
}

async function fileDifference(a: string, b: string): Promise<string> {
  return (await arrowDifference(a, b)) ?? byteDifference(a, b);
}

async function arrowDifference(a: string, b: string): Promise<string | undefined> {
  if (![a, b].every((path) => isArrow(path) && statSync(path).size <= MAX_ARROW)) return undefined;
  const { tableDifference } = await import('./arrow-difference.ts');
  try {
    return tableDifference(readFileSync(a), readFileSync(b));
  } catch {
    return undefined;
  }
}

const isArrow = (path: string): boolean => piece(path, 0, 6).toString('latin1') === 'ARROW1';

function byteDifference(a: string, b: string): string {
  const sizes = [statSync(a).size, statSync(b).size] as const;
  const of = `(of ${sizes[0]} and ${sizes[1]})`;
  const step = 1 << 20;
  for (let at = 0; at < Math.max(...sizes); at += step) {
    const [left, right] = [piece(a, at, step), piece(b, at, step)];
    if (left.equals(right)) continue;
    let i = 0;
    while (i < Math.min(left.length, right.length) && left[i] === right[i]) i++;
    return `byte ${at + i} ${of}: ${shown(left[i])} and ${shown(right[i])}`;
  }
  return 'no byte differs: a stored file is damaged';
}

const shown = (byte: number | undefined): string =>
  byte === undefined ? 'the end' : `0x${byte.toString(16).padStart(2, '0')}`;

function piece(path: string, at: number, length: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(length);
    return buffer.subarray(0, readSync(file, buffer, 0, length, at));
  } finally {
    closeSync(file);
  }
}
