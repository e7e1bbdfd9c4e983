import type { GcOptions, GcResult } from '../../cache/store.ts';
import { findRun } from '../plan/find-run.ts';
import { byteCount, plural } from '../ui/format.ts';
import { table } from '../ui/table.ts';
import type { GraphOptions } from './context.ts';
import { print, withStore } from './store-only.ts';

export interface GcCommand extends Pick<GraphOptions, 'store'> {
  readonly yes?: boolean;
  readonly keepRuns?: number;
  /** ms */
  readonly olderThan?: number;
  /** Bytes. */
  readonly maxSize?: number;
  readonly run?: readonly string[];
  readonly json?: boolean;
}

/** `mis gc`: what nothing needs any more; removed only with --yes. */
export async function gc(options: GcCommand): Promise<number> {
  return withStore(options, async (store) => {
    const { yes = false, keepRuns, olderThan, maxSize, run } = options;
    const policy: GcOptions = {
      yes,
      ...(keepRuns === undefined ? {} : { keepRuns }),
      ...(olderThan === undefined ? {} : { olderThanMs: olderThan }),
      ...(maxSize === undefined ? {} : { maxBytes: maxSize }),
      ...(run ? { runs: await Promise.all(run.map(async (name) => (await findRun(store, name)).id)) } : {}),
    };
    const result = await store.gc(policy);
    if (options.json) print(JSON.stringify({ event: 'gc', removed: yes, ...result }));
    else show(result, options);
    return 0;
  });
}

function show(result: GcResult, { yes = false, maxSize }: GcCommand) {
  if (result.blockedBy.length > 0) {
    print(`The store is in use by ${result.blockedBy.join(', ')}: results are left alone until that ends.`);
  }
  if (result.stages.length > 0) {
    const rows = result.stages.map(({ stage, records, blobs, bytes }) => [
      stage || '(of no result)',
      String(records),
      String(blobs),
      byteCount(bytes),
    ]);
    print(`${table(['stage', 'results', 'files', 'size'], rows, [1, 2, 3])}\n`);
  }
  const things = [
    plural(result.records, 'result'),
    plural(result.blobs, 'file'),
    ...(result.tmp ? [plural(result.tmp, 'left-over folder')] : []),
    ...(result.quarantined ? [plural(result.quarantined, 'damaged file')] : []),
    ...(result.locks ? [plural(result.locks, 'dead lock')] : []),
  ];
  print(`${yes ? 'Removed' : 'Would remove'} ${things.join(', ')}: ${byteCount(result.bytes)}.`);
  print(
    `${yes ? 'Kept' : 'Would keep'} ${plural(result.kept.records, 'result')}, ${byteCount(result.kept.bytes)}.`,
  );
  if (maxSize !== undefined && result.kept.bytes > maxSize)
    print(
      `That is more than ${byteCount(maxSize)}: the rest is pinned, in use, or kept by the other options.`,
    );
  if (!yes && result.bytes > 0) print('Run it with --yes to remove that.');
}
