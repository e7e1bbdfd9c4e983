import { readdir, rename, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';

/** A file that nobody has written to for so long is taken over from a process that can't be looked at (another machine). */
const ABANDONED_MS = 120_000;

const HOST = hostname().replace(/[^A-Za-z0-9-]/g, '_');
const own = new Set<string>();
let count = 0;

/**
 * The path of a file to download into: what an ended process has left of the same target, taken over by renaming (which
 * one process alone can do), or one that doesn't exist yet. `give` it back when the download ends: it can then be taken over.
 */
export async function takePartial(target: string): Promise<{ path: string; give(): void }> {
  const mine = `${target}.incomplete-${HOST}-${process.pid}-${count++}`;
  own.add(mine);
  const give = () => {
    own.delete(mine);
  };
  const prefix = `${basename(target)}.incomplete-`;
  const names = await readdir(dirname(target)).catch(() => []);
  for (const name of names.filter((each) => each.startsWith(prefix))) {
    const path = join(dirname(target), name);
    if (path === mine || !(await isAbandoned(path, name.slice(prefix.length)))) continue;
    const taken = await rename(path, mine).then(
      () => true,
      () => false,
    );
    if (taken) break;
  }
  return { path: mine, give };
}

async function isAbandoned(path: string, owner: string): Promise<boolean> {
  const [, host, pid] = /^(.*)-(\d+)-\d+$/.exec(owner) ?? [];
  if (host === HOST && Number(pid) === process.pid) return !own.has(path);
  if (host === HOST && !isAlive(Number(pid))) return true;
  const info = await stat(path).catch(() => undefined);
  return info !== undefined && Date.now() - info.mtimeMs > ABANDONED_MS;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
