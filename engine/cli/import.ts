import { byteCount, duration, plural } from '../ui/format.ts';
import type { GraphOptions } from './context.ts';
import { print, withStore } from './store-only.ts';

/** `mis import FILE.tar` */
export async function importRun(
  file: string,
  options: Pick<GraphOptions, 'store'> & { json?: boolean },
): Promise<number> {
  return withStore(options, async (store) => {
    const started = performance.now();
    const done = await store.importArchive(file);
    const ms = Math.round(performance.now() - started);
    if (options.json) print(JSON.stringify({ event: 'import', ...done, ms }));
    else {
      const already = (count: number) => (count > 0 ? ` (${count} already here)` : '');
      print(
        `Run ${done.run}${done.known ? ' (already here)' : ''}: ${plural(done.records, 'result')}${already(done.knownRecords)}, ${plural(done.blobs, 'file')}${already(done.knownBlobs)} checked and taken in from ${byteCount(done.bytes)} in ${duration(ms)}. "mis run" with the same config, code and files uses them.`,
      );
    }
    return 0;
  });
}
