import { newestRun, pullRun } from '../../cache/remote/pull.ts';
import { UserError } from '../../common/errors.ts';
import { byteCount, plural } from '../ui/format.ts';
import type { GraphOptions } from './context.ts';
import { progressLine, withRemote } from './remote.ts';

/** `mis pull [RUN]`: brings a run with all its results. Fails when some were refused; what is right is kept. */
export async function pull(name: string | undefined, options: GraphOptions): Promise<number> {
  return withRemote(options, async (store, remote) => {
    const line = progressLine('Pulling');
    try {
      const id = name ?? (await newestRun(remote));
      const { blobs, bytes, records, there, refused } = await pullRun(store, id, remote, line.show);
      line.end();
      process.stdout.write(
        `Pulled ${id} from ${remote.name}: ${plural(blobs, 'file')} (${byteCount(bytes)}), ${plural(records, 'result')}; ${there} were here.\n`,
      );
      if (refused.length > 0)
        throw new UserError(
          `The remote ${remote.name} gave something that isn't right, so the run isn't whole here:\n  ${refused.join('\n  ')}\n` +
            'These were refused; "mis run" makes them anew. At the remote, delete what is damaged and push again.',
        );
      return 0;
    } finally {
      line.end();
    }
  });
}
