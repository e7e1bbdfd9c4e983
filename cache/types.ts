import type { Json } from '../common/json.ts';
import type { Exported } from './export.ts';
import type { Imported } from './import.ts';
import type { Policy } from './retention.ts';
import type { VerifyOptions, VerifyResult } from './verify.ts';

/**
 * The words of the store. A **blob** is a file kept under the SHA-256 of its bytes; an **artifact** is an output of a
 * task, one blob or a folder of them; a **record** says under a fingerprint what a task put out, and makes it count.
 */

/** Version of the records' shape. A record of another version is a miss. */
export const RECORD_FORMAT = 1;

export interface Artifact {
  readonly kind: 'file' | 'folder';
  /** Lower-case hexadecimal SHA-256: of the file's bytes, or of the folder's manifest (canonical JSON). */
  readonly digest: string;
  /** Bytes of the file, or of all files of the folder together (without the manifest). */
  readonly bytes: number;
}

/** The files of a folder by path (relative, forward slashes, sorted). */
export interface Manifest {
  readonly [path: string]: { readonly digest: string; readonly bytes: number };
}

export interface Record {
  readonly format: number;
  readonly fingerprint: string;
  readonly stage: string;
  readonly vars: { readonly [name: string]: string };
  /** The whole document whose hash is the fingerprint, so that `why` can compare two of them. */
  readonly document: Json;
  readonly details?: Json;
  readonly outputs: { readonly [output: string]: Artifact };
  readonly lists: {
    readonly [list: string]: { readonly [element: string]: { readonly [output: string]: Artifact } };
  };
  readonly ran: Ran;
}

/** The part of a record that planning needs. */
export type PutOut = Pick<Record, 'outputs' | 'lists'>;

/** How the task went. Never part of a fingerprint. */
export interface Ran {
  /** ISO 8601, when the task began. */
  readonly at: string;
  readonly ms: number;
  readonly host: string;
  readonly warnings: readonly string[];
  readonly [more: string]: Json | undefined;
}

/** A record to be committed; the store fills in its format. */
export type NewRecord = Omit<Record, 'format'> & { readonly format?: number };

/** A process, told apart from every other that had or will have its number. */
export interface Owner {
  readonly host: string;
  readonly pid: number;
  /** 0 for the main thread. */
  readonly thread: number;
  /** Field 22 of /proc/PID/stat: clock ticks from boot to the process's start. Empty where there is no /proc. */
  readonly started: string;
  /** Kernel boot and process-number namespace: a number means something only within these. */
  readonly boot: string;
  readonly namespace: string;
  readonly nonce: string;
  /** ISO 8601. */
  readonly since: string;
}

export interface Lock {
  /** Idempotent. Leaves a lock alone that somebody else broke and took over. */
  release(): Promise<void>;
}

export interface Held {
  /** Undefined while the record of the lock can't be read (being written, or cut by a full disk). */
  readonly heldBy: Owner | undefined;
  /** The holder in words: `process 4711 on node3 since 10:02:11`. */
  readonly holder: string;
  /** The lock's file: to be removed by hand if its owner, on another host, is gone for good. */
  readonly path: string;
}

export interface LockOptions {
  /**
   * Also break a lock of another host (or another container) whose owner hasn't shown a sign of life for so many
   * milliseconds. Owners do so every 30 s, if their main thread isn't blocked. Default: never.
   */
  readonly breakAfterMs?: number;
}

export interface WaitOptions extends LockOptions {
  /** Called once for each holder that is waited for. */
  readonly onWait?: (held: Held) => void;
  /** Ends the waiting with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A folder of one's own on the store's file system, for outputs in the making. */
export interface Workspace {
  readonly dir: string;
  /** Removes the folder and what is left in it. */
  dispose(): Promise<void>;
}

export interface Materialised {
  readonly written: number;
  readonly kept: number;
  readonly removed: number;
}

/** A small map kept from run to run. It may be lost at any time: never the only place of anything. */
export interface Memo<Value extends Json = Json> {
  get(key: string): Value | undefined;
  set(key: string, value: Value): void;
}

/** The result of hashing a file from outside the store. */
export type FileDigest = { readonly digest: string; readonly bytes: number };

export interface GcOptions extends Policy {
  /** Without it nothing is removed, only counted. */
  readonly yes?: boolean;
}

export interface GcResult {
  /** Records and blobs that are (or would be) removed. */
  readonly records: number;
  readonly blobs: number;
  /** Bytes that this frees: blobs, records, left-behind temporary folders and quarantine. */
  readonly bytes: number;
  /** Records and blobs of them by the stage that made them, largest first; an empty name: no record tells. */
  readonly stages: readonly {
    readonly stage: string;
    readonly records: number;
    readonly blobs: number;
    readonly bytes: number;
  }[];
  /** Temporary folders of dead processes. */
  readonly tmp: number;
  /** Files of the quarantine. */
  readonly quarantined: number;
  /** Locks of dead processes. */
  readonly locks: number;
  /** Bytes: of records and blobs together. */
  readonly kept: { readonly records: number; readonly blobs: number; readonly bytes: number };
  /**
   * Processes on other hosts that work on the store now, in words. While there are any, records and blobs are left
   * alone (the counts are 0): what they hold can't be known in time.
   */
  readonly blockedBy: readonly string[];
}

export type RunState = 'running' | 'complete' | 'incomplete' | 'interrupted';

/** The run of this process. */
export interface Run {
  readonly id: string;
  readonly dir: string;
  /**
   * Appends one line to `events.jsonl`. Returns when the line is with the operating system, and all before it.
   */
  event(event: Json): void;
  /** The same for a text that is JSON already. */
  line(text: string): void;
  /** Says which records the run uses, so that `gc` keeps them. May be called again as the plan grows. */
  recordFingerprints(fingerprints: Iterable<string>): void;
  /**
   * Writes `run.json`. `complete`: the run did all that its config asks for. Only complete runs count as one of those
   * that `gc` keeps, so that a failed, interrupted or partial run doesn't push out the results of the last good one.
   */
  finish(end: { readonly complete: boolean; readonly summary?: Json }): Promise<void>;
}

export interface RunInfo {
  readonly group?: string;
  readonly [more: string]: Json | undefined;
}

/** A run as found on disk, of this process or any other. */
export interface StoredRun {
  readonly id: string;
  readonly dir: string;
  /** ISO 8601. */
  readonly at: string;
  /** ISO 8601: when it was finished (or begun, if it wasn't), or imported, whichever came last. */
  readonly usedAt: string;
  readonly imported: boolean;
  readonly info: RunInfo;
  readonly state: RunState;
  /** What `finish` was given. */
  readonly summary: Json | undefined;
  config(): Promise<Json | undefined>;
  /** The events in order; a last line cut by a kill is left out. */
  events(): Promise<Json[]>;
  fingerprints(): Promise<string[]>;
}

export interface Runs {
  /** `info.group`: runs of one kind (say: one config in one folder); `gc` keeps the last of each group. */
  create(config: Json, info?: RunInfo): Promise<Run>;
  /** Ids, newest first. */
  list(): Promise<string[]>;
  open(id: string): Promise<StoredRun | undefined>;
  /** Newest first; reads one run at a time. */
  newestFirst(): AsyncIterable<StoredRun>;
}

export interface Pin {
  readonly name: string;
  readonly run: string;
  /** ISO 8601. */
  readonly at: string;
}

export interface Store {
  /** Absolute path of the store's folder. */
  readonly dir: string;
  readonly runs: Runs;

  /**
   * The record under a fingerprint, or undefined: missing, cut, checksum wrong (set aside in `quarantine/`), of another
   * version, or a blob that it names is missing or of another size. A record that is returned is safe from `gc` until
   * `close`.
   */
  read(fingerprint: string): Promise<Record | undefined>;
  /**
   * The same for many records at once, of each only what it put out: by the store's index where that has it, which spares
   * opening the records' files.
   */
  readAll(fingerprints: readonly string[]): Promise<(PutOut | undefined)[]>;
  /** Every record that can be read, whether or not its blobs are there, in no order. None becomes safe from `gc` by it. */
  records(): AsyncIterable<Record>;
  /** Makes a task's outputs count. Throws a plain error when a blob that it names isn't there. */
  commit(record: NewRecord): Promise<void>;

  /** Adopts a finished file or folder: it is moved into the store (copied from another file system). */
  put(path: string, kind: Artifact['kind']): Promise<Artifact>;
  /** Where the blob lies if it is there. Not checked. */
  blobPath(digest: string): string;
  /** Path of the blob (of a folder: of its manifest) once all bytes are seen to be right. Throws CorruptBlob. */
  verified(artifact: Artifact): Promise<string>;
  /**
   * Makes sure that the files of artifacts are here, where a remote may still hold them; does nothing in a store without
   * one. Throws CorruptBlob when they don't come: what made them has to run again.
   */
  bring(artifacts: readonly Artifact[]): Promise<void>;
  /** The files of a folder artifact. Throws CorruptBlob. */
  manifest(artifact: Artifact): Promise<Manifest>;
  /** Makes `target` hold the folder's files, writing only what changed. Foreign files are left alone. One process a target. */
  materialise(artifact: Artifact, target: string, options?: WaitOptions): Promise<Materialised>;
  /** Whether `target` is as `materialise` left it, by size and modification time. */
  isMaterialised(artifact: Artifact, target: string): Promise<boolean>;
  /** A new empty folder under `tmp/`, on the same file system as the blobs. */
  workspace(): Promise<Workspace>;

  lock(key: string, options?: LockOptions): Promise<Lock | Held>;
  withLock<T>(key: string, work: () => Promise<T>, options?: WaitOptions): Promise<T>;

  memo<Value extends Json = Json>(name: string): Memo<Value>;
  /** SHA-256 of a file from outside the store, remembered by path, size, times and inode. */
  digestFile(path: string): Promise<FileDigest>;

  gc(options?: GcOptions): Promise<GcResult>;
  /** Hashes every blob, reads every record, sets aside what is bad: the next run makes it anew. */
  verify(options?: VerifyOptions): Promise<VerifyResult>;
  /** Writes a run (default: the newest complete one) with its results as one tar file. */
  exportRun(to: string, run?: string): Promise<Exported>;
  /** Takes in a run that `exportRun` wrote, once the whole archive is seen to be right. */
  importArchive(from: string): Promise<Imported>;
  /** Protects a run's records under a name. A name already given to another run is a UserError. */
  pin(run: string, name: string): Promise<void>;
  unpin(name: string): Promise<void>;
  pins(): Promise<Pin[]>;

  /** Saves the memos, removes this process's temporary folder. The store must not be used afterwards. */
  close(): Promise<void>;
}

/** A blob whose bytes aren't what its name says, or that is gone. The task that made it has to run again. */
export class CorruptBlob extends Error {
  override readonly name = 'CorruptBlob';
  readonly digest: string;
  readonly path: string;
  constructor(digest: string, path: string, why: string) {
    super(`The stored file ${path} ${why}. It was set aside; what made it has to run again.`);
    this.digest = digest;
    this.path = path;
  }
}
