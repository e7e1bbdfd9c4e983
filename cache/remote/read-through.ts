import { artifactsOf } from '../records.ts';
import { type Artifact, CorruptBlob, type PutOut, type Record, type Store } from '../types.ts';
import type { Address } from './address.ts';
import { createArrivals } from './arrive.ts';
import { RemoteFailure } from './driver.ts';
import { arrivedRecord, MOST_TEXT, recordKey } from './layout.ts';
import { createPromised } from './promised.ts';
import { openRemote, PATIENCE, type Patience, type Remote, WrongBytes } from './remote.ts';

export interface ReadThrough {
  readonly store: Store;
  readonly address: Address;
  /** Told once when the remote is given up, and for each thing that it gave wrong. */
  readonly warn: (message: string) => void;
  readonly patience?: Patience;
}

/** So many wrong files, and a remote isn't asked any more. */
const MOST_WRONG = 3;

/**
 * A store that asks a remote for the records that it lacks, and for their files once somebody is to read them. Whatever
 * the remote does, `read` answers (nothing, at worst), and a file that doesn't come is like one that was damaged: what
 * made it runs again. The remote is first spoken to when something is missing here.
 */
export function readThrough({ store, address, warn, patience = PATIENCE }: ReadThrough): Store {
  const promised = createPromised(store.dir, address.id);
  const asking = new Map<string, Promise<Record | undefined>>();
  const absent = new Set<string>();
  /** Digests of artifacts that the remote failed to give. */
  const lost = new Set<string>();
  let opened: Promise<Remote> | undefined;
  let wrong = 0;
  let off = false;

  const remote = async (digest = ''): Promise<Remote> => {
    if (off) throw gone(digest);
    opened ??= openRemote(address, patience);
    return opened;
  };
  const gone = (digest: string): CorruptBlob =>
    Object.assign(new CorruptBlob(digest, '', ''), {
      message: `The file ${digest} isn't here, and the remote ${address.name} can't be asked. What made it runs again.`,
    });
  const arrivals = createArrivals({ store, remote });

  /** Turns a failure of the remote into a warning; everything else is thrown. */
  function gaveUp(error: unknown): void {
    if (error instanceof RemoteFailure) {
      if (!off)
        warn(
          `The remote ${address.name} is left alone from here on: ${error.message}. What it has is made here.`,
        );
      off = true;
    } else if (error instanceof WrongBytes) {
      wrong += 1;
      if (wrong === MOST_WRONG && !off) {
        off = true;
        warn(`The remote ${address.name} is left alone from here on: it gave ${wrong} wrong files.`);
      }
    } else throw error;
  }

  async function read(fingerprint: string): Promise<Record | undefined> {
    const here = await store.read(fingerprint);
    if (here) return here;
    const record = promised.read(fingerprint) ?? (await ask(fingerprint));
    if (!record) return undefined;
    const artifacts = artifactsOf(record);
    if (artifacts.some(({ digest }) => lost.has(digest))) return broken(fingerprint);
    if (await allHere(artifacts)) await settle(record);
    return record;
  }

  async function readAll(fingerprints: readonly string[]): Promise<(PutOut | undefined)[]> {
    const here = await store.readAll(fingerprints);
    return Promise.all(here.map((record, i) => record ?? read(fingerprints[i]!)));
  }

  /** The remote didn't keep its promise. One that merely can't be reached now may do so another time. */
  async function broken(fingerprint: string): Promise<undefined> {
    absent.add(fingerprint);
    if (!off) await promised.forget(fingerprint);
    return undefined;
  }

  async function allHere(artifacts: readonly Artifact[]): Promise<boolean> {
    try {
      for (const artifact of artifacts) if (!(await arrivals.isHere(artifact))) return false;
      return true;
    } catch (error) {
      if (error instanceof CorruptBlob) return false;
      throw error;
    }
  }

  /** Everything came: from now on it is a result of this store like any other. */
  async function settle(record: Record): Promise<void> {
    await store.commit(record);
    await promised.forget(record.fingerprint);
  }

  function ask(fingerprint: string): Promise<Record | undefined> {
    if (off || absent.has(fingerprint)) return Promise.resolve(undefined);
    const going = asking.get(fingerprint) ?? askNow(fingerprint).finally(() => asking.delete(fingerprint));
    asking.set(fingerprint, going);
    return going;
  }

  async function askNow(fingerprint: string): Promise<Record | undefined> {
    try {
      const text = await (await remote()).text(recordKey(fingerprint), MOST_TEXT);
      const record = text === undefined ? undefined : arrivedRecord(text, fingerprint);
      if (record === 'bad') throw new WrongBytes('it was cut or changed');
      if (record) {
        await promised.keep(fingerprint, text!);
        return record;
      }
    } catch (error) {
      if (error instanceof CorruptBlob) return undefined;
      if (error instanceof WrongBytes)
        warn(
          `The remote ${address.name} gave a record ${fingerprint} that isn't right (${error.message}): refused.`,
        );
      gaveUp(error);
    }
    absent.add(fingerprint);
    return undefined;
  }

  async function bring(artifacts: readonly Artifact[]): Promise<void> {
    await Promise.all(artifacts.map(bringOne));
  }

  async function bringOne(artifact: Artifact): Promise<void> {
    const { digest } = artifact;
    try {
      await arrivals.bring(artifact);
    } catch (error) {
      const [is, message] = [error instanceof CorruptBlob, (error as Error).message];
      if (error instanceof WrongBytes)
        warn(`The remote ${address.name} gave a file ${digest} that isn't right (${message}): refused.`);
      if (!is) gaveUp(error);
      lost.add(digest);
      throw is ? error : gone(digest);
    }
  }

  return {
    ...store,
    read,
    readAll,
    bring,
    manifest: async (artifact) => {
      if (artifact.kind === 'folder') await bring([artifact]);
      return store.manifest(artifact);
    },
    verified: async (artifact) => {
      await bring([artifact]);
      return store.verified(artifact);
    },
    materialise: async (artifact, target) => {
      await bring([artifact]);
      return store.materialise(artifact, target);
    },
    async close() {
      off = true;
      await (await opened?.catch(() => undefined))?.close();
      await store.close();
    },
  };
}
