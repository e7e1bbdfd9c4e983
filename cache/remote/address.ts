import { readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '../../common/errors.ts';
import { sha256 } from '../../common/json.ts';
import { codeOf, explain, explained, isMissing } from '../failures.ts';
import type { Driver } from './driver.ts';

/** Where a remote is. */
export interface Address {
  readonly kind: 'folder' | 'http' | 's3';
  /** For people: without user names and passwords. */
  readonly name: string;
  /** Stands for this place, and no other, in names of files. */
  readonly id: string;
  /** Loads what speaks to this kind of place. */
  open(): Promise<Driver>;
}

const FORMS = 'a folder (/mnt/share/mis), https://HOST/PATH or s3://BUCKET/PREFIX';

/** Reads what a person wrote. UserError when it is no place that we know. */
export function parseAddress(text: string, env: NodeJS.ProcessEnv = process.env): Address {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined || scheme === 'file') {
    const path = scheme === 'file' ? fileURLToPath(text) : resolve(text);
    return address('folder', path, async () => (await import('./folder.ts')).folderDriver(path));
  }
  if (!URL.canParse(text)) throw notAPlace(text);
  const url = new URL(text);
  if (scheme === 'http' || scheme === 'https') {
    if (url.search || url.hash) throw notAPlace(text);
    const name = `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
    return address('http', name, async () => (await import('./http.ts')).httpDriver(url));
  }
  if (scheme !== 's3' || url.hostname === '' || url.username || url.search || url.hash) throw notAPlace(text);
  const prefix = decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, '');
  const name = `s3://${url.hostname}${prefix && `/${prefix}`}`;
  const endpoint = env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL || undefined;
  return {
    ...address('s3', name, async () =>
      (await import('./s3.ts')).s3Driver({ bucket: url.hostname, prefix, endpoint, env }),
    ),
    id: idOf(`${endpoint ?? ''} ${name}`),
  };
}

const idOf = (name: string): string => sha256(name).slice(0, 16);

const address = (kind: Address['kind'], name: string, open: Address['open']): Address => ({
  kind,
  name,
  id: idOf(name),
  open,
});

function notAPlace(text: string): UserError {
  return new UserError(`"${text.replace(/\/\/[^/@]*@/, '//…@')}" can't be a remote. Give ${FORMS}.`);
}

/**
 * The remote of a store: MIS_REMOTE where it is set (`none`: no remote this time), else what `mis remote` wrote into the
 * store. Looks at one small file, never at the network.
 */
export function remoteOf(storeDir: string, env: NodeJS.ProcessEnv = process.env): Address | undefined {
  const text = env.MIS_REMOTE ?? settingOf(storeDir);
  return text === undefined || text === '' || text === 'none' ? undefined : parseAddress(text, env);
}

function settingOf(storeDir: string): string | undefined {
  try {
    return readFileSync(join(storeDir, 'remote'), 'utf8').trim();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Writes the remote into the store, for everybody who uses it; `none` takes it out. */
export async function setRemote(storeDir: string, text: string): Promise<Address | undefined> {
  const path = join(storeDir, 'remote');
  if (text === 'none') {
    await explained(path, () => rm(path, { force: true }));
    return undefined;
  }
  const found = parseAddress(text);
  if (found.kind === 'http' && new URL(text).username) {
    throw new UserError(
      'A remote that is kept in the store is seen by all who use the store: give one with a password as MIS_REMOTE in ' +
        'the environment instead.',
    );
  }
  if (found.kind === 'folder') await makeFor(found.name);
  await explained(path, () => writeFile(path, `${found.name}\n`));
  return found;
}

/** The folder itself is made; the one above it has to be there, so that a share that isn't mounted is noticed. */
async function makeFor(dir: string): Promise<void> {
  try {
    await mkdir(dir);
  } catch (error) {
    if (isMissing(error))
      throw new UserError(
        `${dir} can't be made, as there is no ${dirname(dir)} (a share that isn't mounted?). Mount or make that first.`,
      );
    if (codeOf(error) !== 'EEXIST') throw explain(error, dir);
  }
}
