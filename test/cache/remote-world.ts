import { join } from 'node:path';
import { parseAddress } from '../../cache/remote/address.ts';
import { pushRun } from '../../cache/remote/push.ts';
import { readThrough } from '../../cache/remote/read-through.ts';
import { openRemote, type Remote } from '../../cache/remote/remote.ts';
import type { Artifact, Store } from '../../cache/store.ts';
import { HASTY } from './remote-support.ts';
import { afterwards, newStore, print, putFolder, putText, recordOf, temporaryFolder } from './support.ts';

export interface World {
  /** Has a complete run of two results, one a folder. */
  readonly a: Store;
  readonly b: Store;
  readonly run: string;
  readonly text: Artifact;
  readonly folder: Artifact;
  /** The remote's folder. */
  readonly dir: string;
}

export const [TEXT, FOLDER] = [print('text'), print('folder')];
export const FILES = {
  'index.html': '<p>hello</p>',
  'tables/units.csv': 'unit,score\n1,0.5\n',
  copy: 'unit,score\n1,0.5\n',
};

export async function world(): Promise<World> {
  const [a, b, dir] = [await newStore(), await newStore(), await temporaryFolder()];
  const text = await putText(a, 'some words');
  const folder = await putFolder(a, FILES);
  await a.commit(recordOf(TEXT, { out: text }));
  await a.commit(recordOf(FOLDER, { out: folder }));
  const run = await a.runs.create({ alpha: 1 }, { group: 'a' });
  run.event({ event: 'start' });
  run.recordFingerprints([TEXT, FOLDER]);
  await run.finish({ complete: true, summary: { ran: 2 } });
  return { a, b, dir, text, folder, run: run.id };
}

export async function remoteAt(place: string, env: NodeJS.ProcessEnv = {}): Promise<Remote> {
  const remote = await openRemote(parseAddress(place, env), HASTY);
  afterwards(() => remote.close());
  return remote;
}

/** Pushes a's run into the folder. */
export async function pushed(it: World): Promise<void> {
  await pushRun(it.a, (await it.a.runs.open(it.run))!, await remoteAt(it.dir));
}

/** `b` with the remote behind it, and what it warns of. */
export function through(store: Store, place: string): { store: Store; warnings: string[] } {
  const warnings: string[] = [];
  const warn = (message: string) => void warnings.push(message);
  return { store: readThrough({ store, address: parseAddress(place, {}), warn, patience: HASTY }), warnings };
}

export const blob = (dir: string, { digest }: { digest: string }) =>
  join(dir, 'blobs', digest.slice(0, 2), digest);
export const record = (dir: string, fingerprint: string) =>
  join(dir, 'records', fingerprint.slice(0, 2), `${fingerprint}.json`);
