// Hashes files in a thread of its own. Plain JavaScript, so that it starts without a loader.
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';

const buffer = Buffer.allocUnsafe(1 << 20);
const read = new BigInt64Array(workerData.read);

/** Digest of a file's bytes and what tells the file from another one: inode, size, modification time in ns. */
function hashed(path) {
  const file = openSync(path, 'r');
  try {
    const info = fstatSync(file, { bigint: true });
    const seen = `${info.ino}:${info.size}:${info.mtimeNs}`;
    if (info.isDirectory()) return { seen, digest: undefined, bytes: 0 };
    const hash = createHash('sha256');
    let bytes = 0;
    for (;;) {
      const count = readSync(file, buffer, 0, buffer.length, null);
      if (count === 0) return { seen, digest: hash.digest('hex'), bytes };
      hash.update(buffer.subarray(0, count));
      bytes += count;
      Atomics.add(read, 0, BigInt(count));
    }
  } finally {
    closeSync(file);
  }
}

parentPort.on('message', (path) => {
  try {
    parentPort.postMessage(hashed(path));
  } catch (error) {
    parentPort.postMessage({ code: error.code, message: error.message });
  }
});
