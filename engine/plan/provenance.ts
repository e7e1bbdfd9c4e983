import { stat } from 'node:fs/promises';
import type { Store, Record as StoredRecord } from '../../cache/store.ts';
import { eventsOf } from '../run/log.ts';
import { sideOf } from './difference.ts';
import type { Document, Vars } from './document.ts';
import type { PastTask } from './history.ts';
import { listingDigest } from './listing.ts';
import { namedArtifacts } from './origin.ts';

/** An input of a task: what came in, and the task that made it, where the store still has its record. */
export interface Received {
  readonly input: string;
  /** Variables that tell the sources of a gathered input apart. */
  readonly vars: Vars;
  readonly digest: string;
  /** Fingerprint of the task that made it. */
  readonly from?: string;
  readonly output?: string;
}

/** A file from outside that a task read. `listing`: its digest is of paths, sizes and times, not of bytes. */
export interface ReadFile {
  readonly name: string;
  readonly paths: readonly string[];
  readonly digest: string;
  readonly by: 'content' | 'listing' | 'unknown';
  /** `unknown`: one file that was listed, which may refer to further ones. */
  readonly now: 'unchanged' | 'changed' | 'gone' | 'unknown';
}

/** A task of the chain that led to a file. */
export interface Link {
  readonly fingerprint: string;
  readonly stage: string;
  readonly vars: Vars;
  readonly at: string;
  readonly ms: number;
  readonly host: string;
  /** The run that did it, where it is still on record. */
  readonly run?: string;
  /** How much work it was: `5000 images`. */
  readonly done?: string;
  readonly params: Document['params'];
  /** Where each parameter and file comes from in the config. */
  readonly origins: Readonly<Record<string, string>>;
  readonly codeDigest: string;
  readonly code: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string>>;
  readonly files: readonly ReadFile[];
  readonly inputs: readonly Received[];
}

/** The task that made a file and all that came before it, by fingerprint. */
export interface Chain {
  readonly root: string;
  readonly links: ReadonlyMap<string, Link>;
}

/** Follows a task's inputs back to what nobody made. Of several tasks that put out the same bytes, one of the same run counts. */
export async function chainOf(root: StoredRecord, store: Store): Promise<Chain> {
  const index = await producers(store);
  const runs = await runsOf(store);
  const links = new Map<string, Link>();
  const files = fileStates(store);
  const open = [{ record: root, run: runs.using(root.fingerprint) }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { record } = next;
    if (links.has(record.fingerprint)) continue;
    const run = next.run.size > 0 ? next.run : runs.using(record.fingerprint);
    const document = record.document as unknown as Document;
    const inputs = receivedBy(document).map((received): Received => {
      const { digest, vars } = received;
      const made = pick(index.get(digest) ?? [], { ...record.vars, ...vars }, run);
      if (made) open.push({ record: made.record, run });
      return { ...received, ...(made && { from: made.record.fingerprint, output: made.output }) };
    });
    links.set(record.fingerprint, await linkOf(record, inputs, runs, files));
  }
  return { root: root.fingerprint, links };
}

interface Producer {
  readonly record: StoredRecord;
  readonly output: string;
}

/** Which tasks put out which bytes. */
async function producers(store: Store): Promise<Map<string, Producer[]>> {
  const index = new Map<string, Producer[]>();
  for await (const record of store.records()) {
    for (const [output, { digest }] of namedArtifacts(record)) {
      const others = index.get(digest);
      if (others) others.push({ record, output });
      else index.set(digest, [{ record, output }]);
    }
  }
  return index;
}

/** The likeliest of those that put out the same bytes: of the same run, of fitting variables, the newest. */
function pick(found: readonly Producer[], vars: Vars, own: ReadonlySet<string>): Producer | undefined {
  const fits = ({ record }: Producer) =>
    Object.entries(record.vars).every(([name, value]) => (vars[name] ?? value) === value);
  const rank = (each: Producer) =>
    `${own.has(each.record.fingerprint) ? 1 : 0}${fits(each) ? 1 : 0} ${each.record.ran.at}`;
  return [...found].sort((a, b) => (rank(a) < rank(b) ? 1 : -1))[0];
}

function receivedBy({ inputs }: Document): Received[] {
  return Object.entries(inputs).flatMap(([input, given]) =>
    typeof given === 'string'
      ? [{ input, vars: {}, digest: given }]
      : given.map((each) => ({ input, ...each })),
  );
}

interface RunIndex {
  /** Fingerprints of the newest run that used one; empty when none did. */
  using(fingerprint: string): ReadonlySet<string>;
  /** The run that did a task. */
  ranIn(fingerprint: string): string | undefined;
}

async function runsOf(store: Store): Promise<RunIndex> {
  const sets: Set<string>[] = [];
  const ran = new Map<string, string>();
  for await (const run of store.runs.newestFirst()) {
    sets.push(new Set(await run.fingerprints()));
    for (const event of (await eventsOf(run)) as (PastTask & { event: string })[])
      if (event.event === 'task' && event.outcome === 'ran' && !ran.has(event.fingerprint))
        ran.set(event.fingerprint, run.id);
  }
  return {
    using: (fingerprint) => sets.find((set) => set.has(fingerprint)) ?? new Set(),
    ranIn: (fingerprint) => ran.get(fingerprint),
  };
}

async function linkOf(
  record: StoredRecord,
  inputs: readonly Received[],
  runs: RunIndex,
  files: FileStates,
): Promise<Link> {
  const { document, code, origins, files: paths } = sideOf(record);
  const run = runs.ranIn(record.fingerprint);
  const measured = (record.ran.measured ?? {}) as { done?: number; unit?: string };
  const read = Object.entries(document.files).map(async ([name, digest]) => {
    return { name, paths: paths[name] ?? [], digest, ...(await files(paths[name] ?? [], digest)) };
  });
  return {
    fingerprint: record.fingerprint,
    stage: record.stage,
    vars: record.vars,
    at: record.ran.at,
    ms: record.ran.ms,
    host: record.ran.host,
    ...(run && { run }),
    ...(measured.done !== undefined && { done: `${measured.done.toLocaleString('en-US')} ${measured.unit}` }),
    params: document.params,
    origins,
    codeDigest: document.code,
    code,
    environment: document.environment,
    files: await Promise.all(read),
    inputs,
  };
}

type FileStates = (paths: readonly string[], digest: string) => Promise<Pick<ReadFile, 'by' | 'now'>>;

/** Whether files are still as they were when they were read; each looked at once. */
function fileStates(store: Store): FileStates {
  const known = new Map<string, ReturnType<FileStates>>();
  const look: FileStates = async (paths, digest) => {
    const infos = await Promise.all(paths.map((path) => stat(path).catch(() => undefined)));
    if (infos.length === 0 || infos.some((info) => !info)) return { by: 'unknown', now: 'gone' };
    const [first] = digest.split('+');
    if (infos.length === 1 && infos[0]!.isFile() && (await store.digestFile(paths[0]!)).digest === first)
      return { by: 'content', now: 'unchanged' };
    if ((await listingDigest(paths)) === digest) return { by: 'listing', now: 'unchanged' };
    const isOne = infos.length === 1 && infos[0]!.isFile();
    return isOne ? { by: 'unknown', now: 'unknown' } : { by: 'listing', now: 'changed' };
  };
  return (paths, digest) => {
    const key = JSON.stringify([paths, digest]);
    const state = known.get(key) ?? look(paths, digest);
    known.set(key, state);
    return state;
  };
}
