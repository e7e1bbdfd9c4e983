import { sha256 } from '../../common/json.ts';
import { parseRecord } from '../records.ts';
import type { Record } from '../types.ts';

/** How a remote is laid out: as a store is, with a run in one file. */
export const blobKey = (digest: string): string => `blobs/${digest.slice(0, 2)}/${digest}`;
export const recordKey = (fingerprint: string): string =>
  `records/${fingerprint.slice(0, 2)}/${fingerprint}.json`;
export const RUNS = 'runs';
export const runKey = (id: string): string => `${RUNS}/${id}.json`;

/** Bytes; no honest record, manifest or run comes near. */
export const MOST_TEXT = 256 << 20;

export const isDigest = (text: unknown): text is string =>
  typeof text === 'string' && /^[0-9a-f]{64}$/.test(text);

/**
 * A record that came from elsewhere: its checksum, its name, and the shape of what the store and its readers rely on.
 * Undefined for one of another version.
 */
export function arrivedRecord(text: string, fingerprint: string): Record | 'bad' | undefined {
  const record = parseRecord(text, fingerprint);
  if (record === 'newer' || record === 'older') return undefined;
  return record;
}

/** Texts of the files of a run's folder, by name. */
export interface RunFiles {
  readonly [name: string]: string;
}
/** Files that go along with a run: all but the sign that it is going on. */
export const isRunFile = (name: string): boolean =>
  /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}$/.test(name) && name !== 'owner.json';
export const RUN_ID = /^\d{8}-\d{6}\.\d{3}-[0-9a-f]{10}$/;
const HEAD = /^\{"format":1,"checksum":"([0-9a-f]{64})","run":/;

export function runText(id: string, files: RunFiles): string {
  const text = JSON.stringify({ id, files });
  return `{"format":1,"checksum":"${sha256(text)}","run":${text}}\n`;
}

/** The files of a run that came from elsewhere; undefined when it was cut or changed on the way. */
export function arrivedRun(text: string, id: string): RunFiles | undefined {
  const head = HEAD.exec(text);
  if (!head || !text.endsWith('}\n')) return undefined;
  const body = text.slice(head[0].length, -2);
  if (sha256(body) !== head[1]) return undefined;
  const run = JSON.parse(body) as { id: string; files: { [name: string]: unknown } };
  if (run.id !== id || typeof run.files !== 'object' || run.files === null) return undefined;
  const files = Object.entries(run.files).filter(
    ([name, each]) => isRunFile(name) && typeof each === 'string',
  );
  return Object.fromEntries(files) as RunFiles;
}
