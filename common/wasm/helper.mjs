// A helper thread: works on the jobs that it is sent, beside the thread that sends them.
import { parentPort, workerData } from 'node:worker_threads';
import { worker } from './work.mjs';

const work = worker(workerData);
parentPort.on('message', (job) => {
  work(job);
  parentPort.postMessage('done');
});
