import { findRun } from '../plan/find-run.ts';
import { byteCount, duration, plural } from '../ui/format.ts';
import type { GraphOptions } from './context.ts';
import { print, withStore } from './store-only.ts';

/** `mis export [RUN] -o FILE.tar` */
export async function exportRun(
  run: string | undefined,
  options: Pick<GraphOptions, 'store'> & { output: string; json?: boolean },
): Promise<number> {
  return withStore(options, async (store) => {
    const started = performance.now();
    const done = await store.exportRun(options.output, run && (await findRun(store, run)).id);
    const ms = Math.round(performance.now() - started);
    if (options.json) print(JSON.stringify({ event: 'export', ...done, ms }));
    else
      print(
        `Run ${done.run}: ${plural(done.records, 'result')}, ${plural(done.blobs, 'file')} written to ${done.file} (${byteCount(done.bytes)}, ${duration(ms)}). "mis import" takes it in elsewhere.`,
      );
    return 0;
  });
}
