import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, uptime } from 'node:os';
import { threadId } from 'node:worker_threads';
import { randomName } from './files.ts';
import type { Owner } from './types.ts';

/**
 * Who holds something, and whether they still live. A process number alone says little: numbers are used again, mean
 * nothing on another host or in another container, and a zombie still answers signals.
 */

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1').trim();
  } catch {
    return '';
  }
}

function namespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

/**
 * State letter and start time (fields 3 and 22 of /proc/PID/stat); undefined where /proc doesn't tell. The second field,
 * the program's name, may hold spaces and brackets: fields are counted after its last bracket.
 */
function statOf(pid: number): { state: string; started: string } | undefined {
  const stat = textOf(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, started] = [fields[0], fields[19]];
  return state && started ? { state, started } : undefined;
}

/** Owners show a sign of life much more often than this; see session.ts. */
const SURELY_SILENT_MS = 120_000;

let described: Omit<Owner, 'nonce'> | undefined;

/** This process, with a nonce of its own for every call. */
export function thisProcess(): Owner {
  described ??= {
    host: hostname(),
    pid: process.pid,
    thread: threadId,
    started: statOf(process.pid)?.started ?? '',
    boot: textOf('/proc/sys/kernel/random/boot_id'),
    namespace: namespace(),
    since: '',
  };
  return { ...described, since: new Date().toISOString(), nonce: randomName() };
}

/**
 * `alive` or `dead` for a process that this one can see; `elsewhere` for one on another host or in another container. After
 * a reboot, what has shown no life (`silentMs`) since the machine came up is dead; the wait of two minutes is for another
 * machine that only has the same name and is well alive.
 */
export function lifeOf(owner: Owner, silentMs: number): 'alive' | 'dead' | 'elsewhere' {
  const here = thisProcess();
  if (owner.host !== here.host) return 'elsewhere';
  if (owner.boot !== here.boot) {
    return silentMs > Math.max(uptime() * 1000, SURELY_SILENT_MS) ? 'dead' : 'elsewhere';
  }
  if (owner.namespace !== here.namespace) return 'elsewhere';
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return 'dead';
  }
  const stat = statOf(owner.pid);
  if (stat === undefined) return 'alive';
  if (stat.state === 'Z' || stat.state === 'X') return 'dead';
  return owner.started !== '' && owner.started !== stat.started ? 'dead' : 'alive';
}

/** `process 4711 on node3 since 2026-11-22T10:02:11.000Z` */
export function inWords(owner: Owner | undefined): string {
  return owner ? `process ${owner.pid} on ${owner.host} since ${owner.since}` : 'a process that is not known';
}

/** Reads an owner from JSON text; undefined when it is cut or something else. */
export function parseOwner(text: string): Owner | undefined {
  try {
    const value = JSON.parse(text) as Partial<Owner> | null;
    const strings = [value?.host, value?.started, value?.boot, value?.namespace, value?.nonce];
    if (!Number.isInteger(value?.pid) || strings.some((field) => typeof field !== 'string')) return undefined;
    return value as Owner;
  } catch {
    return undefined;
  }
}
