// Looks at the files of entries of the index in a thread of its own. Plain JavaScript, so that it starts without a loader.
import { parentPort, workerData } from 'node:worker_threads';
import { lookAt } from './index-entry.mjs';

let files = [];

parentPort.on('message', (asked) => {
  if (Array.isArray(asked)) {
    files = asked.map(({ shared, length, folders }) => ({
      bytes: Buffer.from(shared, 0, length),
      numbers: new Float64Array(shared),
      folders,
    }));
    return;
  }
  try {
    const found = lookAt(workerData, files, asked);
    parentPort.postMessage(found, [found.buffer]);
  } catch (error) {
    parentPort.postMessage({ code: error.code, message: error.message });
  }
});
