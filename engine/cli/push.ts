import { pushRun } from '../../cache/remote/push.ts';
import type { Store, StoredRun } from '../../cache/store.ts';
import { UserError } from '../../common/errors.ts';
import { findRun } from '../plan/find-run.ts';
import { byteCount, plural } from '../ui/format.ts';
import type { GraphOptions } from './context.ts';
import { progressLine, withRemote } from './remote.ts';

/** `mis push [RUN]`: sends what the remote lacks of a run. */
export async function push(name: string | undefined, options: GraphOptions): Promise<number> {
  return withRemote(options, async (store, remote) => {
    const run = name === undefined ? await lastComplete(store) : await findRun(store, name);
    if (run.state === 'running') throw new UserError(`Run ${run.id} is going on. Push it when it has ended.`);
    const line = progressLine('Pushing');
    try {
      const { blobs, bytes, records, there } = await pushRun(store, run, remote, line.show);
      line.end();
      process.stdout.write(
        `Pushed ${run.id} to ${remote.name}: ${plural(blobs, 'file')} (${byteCount(bytes)}), ${plural(records, 'result')}; ${there} were there.\n`,
      );
      return 0;
    } finally {
      line.end();
    }
  });
}

async function lastComplete(store: Store): Promise<StoredRun> {
  for await (const run of store.runs.newestFirst()) if (run.state === 'complete') return run;
  throw new UserError(
    'There is no complete run in the store to push. Run "mis run" to its end, or name a run.',
  );
}
