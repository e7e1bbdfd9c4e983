import type { FetchOptions } from '../../cache/sources/fetch.ts';

/** How often a line on a terminal is written anew. */
const EVERY_MS = 200;

/** Tells on a stream what is being downloaded, and on a terminal how far it has come. */
export function onProgress(
  stream: NodeJS.WriteStream,
): Pick<FetchOptions, 'onStart' | 'onProgress' | 'onDigest'> {
  let what = '';
  let last = 0;
  return {
    onStart(started) {
      what = started;
      stream.write(`Downloading ${what}\n`);
    },
    onDigest(what, sha256) {
      stream.write(`${what} has the SHA-256 ${sha256}\n`);
    },
    onProgress(done, total) {
      const now = Date.now();
      const ended = done === total;
      if (!stream.isTTY || (!ended && now - last < EVERY_MS)) return;
      last = now;
      const share =
        total === undefined ? '' : ` of ${megabytes(total)} (${Math.floor((100 * done) / total)} %)`;
      stream.write(`\r\u001b[K  ${megabytes(done)}${share}${ended ? '\n' : ''}`);
    },
  };
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
