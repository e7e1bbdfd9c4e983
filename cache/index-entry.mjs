// The bytes of the index's entries, and what a thread does with them. Plain JavaScript, so that a thread starts without a
// loader.
import { statSync } from 'node:fs';
import { sep } from 'node:path';

/**
 * An entry: the record's fingerprint (32 bytes); inode, size and modification time in ms of its file (a float64 each); the
 * number of its shape and of its artifacts (a uint32 each); of each artifact its digest (32 bytes) and bytes (a float64).
 * All of it begins at a multiple of 8 bytes.
 */
export const ENTRY = { file: 32, shape: 56, count: 60, artifacts: 64 };
export const ARTIFACT = { bytes: 32, length: 40 };

/** What a look at an entry's files comes to where nothing differs. */
export const SAME = 1;

/**
 * Whether the record's file of each entry is the one that it was made from, and whether each of its files lies under its
 * digest in the right size. Folders aren't looked at: who asks does that.
 */
export function lookAt({ records, blobs }, files, places) {
  const found = new Uint8Array(places.length / 2);
  for (let i = 0; i < found.length; i++) {
    const file = files[places[2 * i]];
    if (isWhole(records, blobs, file, places[2 * i + 1])) found[i] = SAME;
  }
  return found;
}

function isWhole(records, blobs, { bytes, numbers, folders }, at) {
  const record = statSync(pathOf(records, bytes, at, '.json'), { throwIfNoEntry: false });
  const file = (at + ENTRY.file) / 8;
  if (!record?.isFile() || record.ino !== numbers[file] || record.size !== numbers[file + 1]) return false;
  if (record.mtimeMs !== numbers[file + 2]) return false;
  const isFolder = folders[bytes.readUInt32LE(at + ENTRY.shape)];
  const count = bytes.readUInt32LE(at + ENTRY.count);
  let artifact = at + ENTRY.artifacts;
  for (let i = 0; i < count; i++, artifact += ARTIFACT.length) {
    if (isFolder?.[i]) continue;
    const blob = statSync(pathOf(blobs, bytes, artifact, ''), { throwIfNoEntry: false });
    if (!blob?.isFile() || blob.size !== numbers[(artifact + ARTIFACT.bytes) / 8]) return false;
  }
  return true;
}

function pathOf(dir, bytes, at, extension) {
  const name = bytes.hexSlice(at, at + 32);
  return `${dir}${sep}${name.slice(0, 2)}${sep}${name}${extension}`;
}
