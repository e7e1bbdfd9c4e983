import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Artifact, NewRecord, Record as StoreRecord } from '../../cache/store.ts';
import { openStore, type Store } from '../../cache/store.ts';
import type { Case } from './case.ts';
import type { Item } from './corpus/index.ts';
import { Wrong } from './wrong.ts';

/** A store with a few records, and their files. */
export async function recordItems(folder: string): Promise<{ store: Store; items: Item[] }> {
  const store = await openStore(folder);
  const workspace = await store.workspace();
  const put = async (name: string, kind: 'file' | 'folder') => {
    const path = join(workspace.dir, name);
    if (kind === 'folder') mkdirSync(path);
    writeFileSync(kind === 'folder' ? join(path, 'page.html') : path, `content of ${name}`);
    return store.put(path, kind);
  };
  const [file, report] = [await put('file', 'file'), await put('report', 'folder')];
  await workspace.dispose();
  const items: Item[] = [];
  for (const record of [
    recordOf('aa', { file }, {}),
    recordOf('bb', { report }, { parts: { p0: { file } } }),
  ]) {
    await store.commit(record);
    items.push({
      kind: 'record',
      name: record.fingerprint,
      bytes: readFileSync(fileOf(store, record.fingerprint)),
    });
  }
  return { store, items };
}

function recordOf(start: string, outputs: NewRecord['outputs'], lists: NewRecord['lists']): NewRecord {
  return {
    fingerprint: start.repeat(32),
    stage: 'stage',
    vars: { model: 'a' },
    document: { stage: 'stage', params: { alpha: 0.16, names: ['x', 'y'] } },
    outputs,
    lists,
    ran: { at: '2026-01-01T00:00:00.000Z', ms: 12, host: 'host', warnings: ['one'] },
  };
}

const fileOf = (store: Store, fingerprint: string): string =>
  join(store.dir, 'records', fingerprint.slice(0, 2), `${fingerprint}.json`);

/** Reads a changed record: none, the one that was there, or another that is a record by its form. */
export async function readRecord({ item, bytes }: Case, store: Store): Promise<void> {
  const file = fileOf(store, item.name);
  mkdirSync(dirname(file), { recursive: true });
  rmSync(file, { force: true });
  writeFileSync(file, bytes);
  try {
    const found = await store.read(item.name);
    if (!found) return;
    const text = item.bytes.toString('utf8');
    const original: unknown = JSON.parse(text.slice(text.indexOf('"record":') + 9, -2));
    if (!isDeepStrictEqual(found, original) && !isWhole(found, item.name)) throw new Wrong('not a record');
  } finally {
    rmSync(file, { force: true });
    rmSync(join(store.dir, 'quarantine'), { recursive: true, force: true });
    writeFileSync(file, item.bytes);
    chmodSync(file, 0o644);
  }
}

function isWhole(record: StoreRecord, fingerprint: string): boolean {
  const artifacts = [
    ...Object.values(record.outputs),
    ...Object.values(record.lists).flatMap((list) =>
      Object.values(list).flatMap((one) => Object.values(one)),
    ),
  ];
  const fine = ({ kind, digest, bytes }: Artifact) =>
    (kind === 'file' || kind === 'folder') && /^[0-9a-f]{64}$/.test(digest) && Number.isSafeInteger(bytes);
  return record.fingerprint === fingerprint && typeof record.stage === 'string' && artifacts.every(fine);
}
