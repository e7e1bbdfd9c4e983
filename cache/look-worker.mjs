// Looks at many files in a thread of its own. Plain JavaScript, so that it starts without a loader.
import { statSync } from 'node:fs';
import { sep } from 'node:path';
import { parentPort } from 'node:worker_threads';

/** Inode, size and modification time in ms of each file `dir/ab/abcd…`; -1 for the inode where there is none. */
function lookAt({ dir, names, extension }) {
  const all = names.split('\n');
  const found = new Float64Array(3 * all.length).fill(-1);
  for (const [i, name] of all.entries()) {
    const path = `${dir}${sep}${name.slice(0, 2)}${sep}${name}${extension}`;
    const info = statSync(path, { throwIfNoEntry: false });
    if (info?.isFile()) found.set([info.ino, info.size, info.mtimeMs], 3 * i);
  }
  return found;
}

parentPort.on('message', (asked) => {
  try {
    const found = lookAt(asked);
    parentPort.postMessage(found, [found.buffer]);
  } catch (error) {
    parentPort.postMessage({ code: error.code, message: error.message });
  }
});
