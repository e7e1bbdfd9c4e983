import { MessageChannel } from 'node:worker_threads';

/** What is transferred to a port that is closed is freed. */
const { port1: nobody } = new MessageChannel();
nobody.close();

/**
 * Frees a buffer now; arrays on it have no values from then on. Left to the garbage collector, large ones make it go through the
 * whole heap again and again: it counts them, but has nothing else to collect.
 */
export function free(buffer: ArrayBuffer): void {
  nobody.postMessage(null, [buffer]);
}
