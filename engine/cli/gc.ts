import { openStore } from '../../cache/store.ts';
import { byteCount, plural } from '../ui/format.ts';
import { type GraphOptions, storeFolder } from './context.ts';

/** `mis gc`: what nothing needs any more; removed only with --yes. */
export async function gc(options: GraphOptions & { yes?: boolean; keepRuns?: number }): Promise<number> {
  const store = await openStore(storeFolder(options));
  try {
    const { yes = false, keepRuns = 1 } = options;
    const result = await store.gc({ yes, keepRuns });
    const print = (line: string) => process.stdout.write(`${line}\n`);
    if (result.blockedBy.length > 0) {
      print(`The store is in use by ${result.blockedBy.join(', ')}: results are left alone until that ends.`);
    }
    print(
      `${yes ? 'Removed' : 'Would remove'} ${plural(result.records, 'result')}, ${plural(result.blobs, 'file')}, ${plural(result.tmp, 'left-over folder')}: ${byteCount(result.bytes)}.`,
    );
    print(
      `Kept: ${plural(result.kept.records, 'result')} of the last ${keepRuns === 1 ? 'complete run' : `${keepRuns} complete runs`} and what is pinned, ${byteCount(result.kept.bytes)}.`,
    );
    if (!yes && result.bytes > 0) print('Run "mis gc --yes" to remove it.');
    return 0;
  } finally {
    await store.close();
  }
}
