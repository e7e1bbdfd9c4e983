// A helper thread: works on the jobs that it is sent, beside the thread that sends them. Before its first job it is sent the
// memory to work on, and nothing (null) when that is needed no more.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parentPort } from 'node:worker_threads';
import { worker } from './work.mjs';

let work;
parentPort.on('message', (message) => {
  if (message === null) {
    work = undefined;
    // Nothing would have this thread, which waits, give the memory back.
    setFlagsFromString('--expose-gc');
    runInNewContext('gc')();
  } else if ('memory' in message) {
    work = worker(message);
  } else {
    work(message);
    parentPort.postMessage('done');
  }
});
