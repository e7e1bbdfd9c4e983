import { z } from 'zod';
import { canonicalJson, type Json, sha256 } from '../common/json.ts';

/**
 * A run as one plain tar. The first member lists all others in order, with sizes; so the whole archive, headers included,
 * follows from its list, and who reads one compares instead of parsing: names that climb out, links, devices and members
 * that nobody announced can't even be expressed.
 *
 *     mis-archive.json                    {"format":1,"checksum":"…","archive":{run, files, records, blobs}}
 *     run/<file>                          the run's folder
 *     blobs/ab/abcd…                      the files of its results, by SHA-256
 *     records/ab/abcd….json               the results, as they stand in the store
 */
export const ARCHIVE_FORMAT = 1;
export const LIST_NAME = 'mis-archive.json';
export const BLOCK = 512;

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const bytes = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const part = z.strictObject({ digest, bytes });

export const archiveList = z.strictObject({
  run: z.string().regex(/^\d{8}-\d{6}\.\d{3}-[0-9a-f]{10}$/),
  /** Files of the run's folder, by name. */
  files: z.record(z.string().regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}$/), part),
  /** SHA-256 and size of each record's file, by fingerprint. */
  records: z.record(z.string().regex(/^[A-Za-z0-9_-]{3,64}$/), part),
  /** Size of each blob, by digest. */
  blobs: z.record(digest, bytes),
});
export type ArchiveList = z.infer<typeof archiveList>;

export interface Member {
  readonly kind: 'file' | 'blob' | 'record';
  /** File name, digest or fingerprint. */
  readonly key: string;
  /** Path in the archive. */
  readonly name: string;
  readonly digest: string;
  readonly bytes: number;
}

/** The members that follow the list, in the order in which they follow. */
export function membersOf(list: ArchiveList): Member[] {
  const sorted = <T>(all: { [key: string]: T }) => Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    ...sorted(list.files).map(([key, is]): Member => ({ kind: 'file', key, name: `run/${key}`, ...is })),
    ...sorted(list.blobs).map(([key, size]): Member => {
      return { kind: 'blob', key, name: `blobs/${key.slice(0, 2)}/${key}`, digest: key, bytes: size };
    }),
    ...sorted(list.records).map(([key, is]): Member => {
      return { kind: 'record', key, name: `records/${key.slice(0, 2)}/${key}.json`, ...is };
    }),
  ];
}

/** Text of the first member. */
export function listText(list: ArchiveList): string {
  const body = canonicalJson(list as unknown as Json);
  return `{"format":${ARCHIVE_FORMAT},"checksum":"${sha256(body)}","archive":${body}}\n`;
}

const HEAD = /^\{"format":(\d+),"checksum":"([0-9a-f]{64})","archive":/;

/** The list in a text; `newer` when of a later version, `bad` when it is anything else. */
export function parseList(text: string): ArchiveList | 'newer' | 'bad' {
  const head = HEAD.exec(text);
  if (!head || !text.endsWith('}\n')) return 'bad';
  if (Number(head[1]) > ARCHIVE_FORMAT) return 'newer';
  const body = text.slice(head[0].length, -2);
  if (Number(head[1]) !== ARCHIVE_FORMAT || sha256(body) !== head[2]) return 'bad';
  const list = archiveList.safeParse(JSON.parse(body));
  return list.success ? list.data : 'bad';
}

/** Length of a member's contents in the tar, filled up to whole blocks. */
export const padded = (size: number): number => Math.ceil(size / BLOCK) * BLOCK;

/** Length of the whole archive. */
export function archiveBytes(list: ArchiveList): number {
  const sizes = [Buffer.byteLength(listText(list)), ...membersOf(list).map((member) => member.bytes)];
  return sizes.reduce((sum, size) => sum + BLOCK + padded(size), 2 * BLOCK);
}

/**
 * Header of a regular file (ustar, as POSIX has it): nobody's, readable by all, of no time, so that equal runs have equal
 * archives. Sizes from 8 GiB on are binary, as GNU tar writes and all readers know them.
 */
export function tarHeader(name: string, size: number): Buffer {
  if (Buffer.byteLength(name) > 100) throw new Error(`too long for a tar header: ${name}`);
  const block = Buffer.alloc(BLOCK);
  const put = (text: string, at: number) => block.write(text, at, 'latin1');
  const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, '0')}\0`;
  block.write(name, 0, 'utf8');
  put(octal(0o644, 8), 100);
  put(octal(0, 8), 108);
  put(octal(0, 8), 116);
  if (size < 8 ** 11) put(octal(size, 12), 124);
  else {
    block[124] = 0x80;
    block.writeBigUInt64BE(BigInt(size), 128);
  }
  put(octal(0, 12), 136);
  put(' '.repeat(8), 148);
  put('0', 156);
  put('ustar\u000000', 257);
  put(octal(0, 8), 329);
  put(octal(0, 8), 337);
  put(
    `${block
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  );
  return block;
}
