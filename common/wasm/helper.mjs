// A helper thread: works on the jobs that it is sent, beside the thread that sends them.
import { parentPort } from 'node:worker_threads';
import { worker } from './work.mjs';

parentPort.once('message', (shared) => {
  const work = worker(shared);
  parentPort.on('message', (job) => {
    work(job);
    parentPort.postMessage('done');
  });
});
