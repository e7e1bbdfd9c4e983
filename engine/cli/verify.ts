import { relative } from 'node:path';
import type { Problem, Store, VerifyResult } from '../../cache/store.ts';
import { taskHistories } from '../plan/history.ts';
import { taskName } from '../plan/task.ts';
import { byteCount, duration, plural } from '../ui/format.ts';
import type { GraphOptions } from './context.ts';
import { print, withStore } from './store-only.ts';

/** `mis verify`: 0 when everything in the store is as it should be, 1 when something was bad. */
export async function verify(options: Pick<GraphOptions, 'store'> & { json?: boolean }): Promise<number> {
  return withStore(options, async (store) => {
    const progress = progressOn(process.stderr);
    const result = await store.verify({ onProgress: progress.tell });
    progress.end();
    const named = await nameRecords(result.problems, store);
    const problems = [...named].sort((a, b) => (a.path < b.path ? -1 : 1));
    if (options.json) for (const each of problems) print(JSON.stringify({ event: 'problem', ...each }));
    else for (const each of problems) print(problemText(each, store.dir));
    print(options.json ? JSON.stringify(summary(result)) : endText(result));
    return problems.length > 0 ? 1 : 0;
  });
}

const counted = ({ problems }: VerifyResult, kind: Problem['kind']): number =>
  problems.filter((problem) => problem.kind === kind).length;

function summary(result: VerifyResult) {
  const { blobs, bytes, records, foreign, problems, ms } = result;
  return {
    event: 'verify',
    good: problems.length === 0,
    files: blobs,
    bytes,
    results: records,
    corrupt: counted(result, 'corrupt'),
    missing: counted(result, 'missing'),
    badRecords: counted(result, 'record'),
    foreign,
    ms: Math.round(ms),
    bytesPerSecond: rate(bytes, ms),
  };
}

const rate = (bytes: number, ms: number): number => Math.round((bytes / Math.max(ms, 1)) * 1000);

/** Runs tell which task a record that can't be read belonged to. */
async function nameRecords(problems: readonly Problem[], store: Store): Promise<Problem[]> {
  if (!problems.some(({ kind }) => kind === 'record')) return [...problems];
  const tasks = new Map(
    [...(await taskHistories(store)).values()].flat().map((task) => [task.fingerprint, task]),
  );
  return problems.map((problem) => {
    const task = problem.kind === 'record' ? tasks.get(problem.name) : undefined;
    return task ? { ...problem, places: [{ stage: task.stage, vars: task.vars, output: '' }] } : problem;
  });
}

function problemText({ kind, path, why, places, setAside }: Problem, dir: string): string {
  const what = places.map(({ stage, vars, output }) => {
    const task = taskName(stage, vars);
    return output ? `${task}: ${output}` : `${task}: its record`;
  });
  const nameless = kind === 'record' ? 'a record' : 'a file that no result needs';
  const subject = what.length === 0 ? nameless : some(what);
  return `${subject} ${why} (${relative(dir, path)})${setAside ? '; set aside' : ''}`;
}

const some = (names: readonly string[]): string =>
  names.slice(0, 3).join(', ') + (names.length > 3 ? ` and ${names.length - 3} more` : '');

function endText(result: VerifyResult): string {
  const { blobs, bytes, records, foreign, problems, ms } = result;
  const what = `${plural(blobs, 'file')} (${byteCount(bytes)}) and ${plural(records, 'result')} in ${duration(ms)}, ${byteCount(rate(bytes, ms))}/s`;
  const other = foreign > 0 ? ` ${plural(foreign, 'result')} of another version left unjudged.` : '';
  if (problems.length === 0) return `Verified ${what}: all good.${other}`;
  const bad = [
    [counted(result, 'corrupt'), 'damaged file'],
    [counted(result, 'missing'), 'missing file'],
    [counted(result, 'record'), 'damaged record'],
  ] as const;
  const told = bad.filter(([count]) => count > 0).map(([count, noun]) => plural(count, noun));
  return `Verified ${what}: ${told.join(', ')}. What these belong to counts as not done; the next "mis run" makes it anew.${other}`;
}

const TELL_EVERY_MS = 10_000;

/** One line that is written over on a terminal; elsewhere a line every ten seconds. */
function progressOn(stream: NodeJS.WriteStream) {
  const started = performance.now();
  let told = started;
  return {
    tell(done: number, total: number) {
      const now = performance.now();
      const share = total > 0 ? Math.floor((done / total) * 100) : 100;
      const text = `verify: ${byteCount(done)} of ${byteCount(total)} (${share} %), ${byteCount(rate(done, now - started))}/s`;
      if (stream.isTTY) stream.write(`\r\u001b[K${text}`);
      else if (now - told >= TELL_EVERY_MS) {
        told = now;
        stream.write(`${text}\n`);
      }
    },
    end() {
      if (stream.isTTY) stream.write('\r\u001b[K');
    },
  };
}
