import { mkdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { isUserError, UserError } from '../../common/errors.ts';
import { download, reasonOf } from './download.ts';
import type { Fetched, FetchOptions } from './fetch.ts';
import { hubFolder, hubToken, isOffline } from './folders.ts';
import { type HubSource, isCommit, sourceText } from './source.ts';

/** What a file of weights beside an ONNX file is called: the names that PyTorch, Optimum and onnxruntime give it. */
const BESIDE = ['_data', '.data'];

const besideOf = ({ type }: HubSource): readonly string[] => (type ? [] : BESIDE);

/** How a repository stands in addresses of pages and files. */
const inUrl = ({ type, repository }: HubSource): string => `${type ? 'datasets/' : ''}${repository}`;

/** A file as the hub describes it. */
interface Described {
  readonly path: string;
  readonly size: number;
  /** SHA-256 of a large file, else the id of its git blob. */
  readonly etag: string;
}

/**
 * Brings a file of the Hugging Face hub, with the file of weights beside it if there is one, into the hub's own cache:
 * `models--ORG--NAME/snapshots/COMMIT/PATH` (or `datasets--…`), a link to `blobs/ETAG`, as Python's huggingface_hub lays it out. A file that
 * is there for the commit is taken without asking the hub; a branch or tag is looked up each time, unless the hub can't be
 * reached. As `fetchSource`.
 */
export async function fetchFromHub(source: HubSource, options: FetchOptions): Promise<Fetched> {
  const { env = process.env } = options;
  const folder = join(hubFolder(env), `${source.type ?? 'model'}s--${source.repository.replace('/', '--')}`);
  const ref = join(folder, 'refs', source.revision);
  const recalled = isCommit(source.revision)
    ? source.revision
    : (await readFile(ref, 'utf8').catch(() => '')).trim() || undefined;
  const here = recalled === undefined ? undefined : await inSnapshot(folder, source, recalled);
  if (here?.complete && isCommit(source.revision)) return here;
  if (isOffline(env, 'hf')) {
    if (here) return here;
    throw new UserError(
      `${sourceText(source)} isn't in ${hubFolder(env)}, and HF_HUB_OFFLINE (or MIS_OFFLINE) says that nothing is to be fetched. Run once without it.`,
    );
  }
  try {
    const hub = await openHub(source, env);
    const commit = await hub.commit();
    if (!isCommit(source.revision)) await writeAtomically(ref, commit);
    const known = commit === recalled ? here : await inSnapshot(folder, source, commit);
    if (known?.complete) return known;
    const files = await hub.describe(commit);
    for (const ending of besideOf(source)) {
      const path = source.path + ending;
      if (!files.some((file) => file.path === path)) await writeAtomically(absent(folder, commit, path), '');
    }
    const { turn = (work) => work() } = options;
    await turn(async () => {
      for (const file of files) {
        options.onStart?.(sourceText({ ...source, path: file.path }));
        await bring(source, folder, commit, file, hub, options);
      }
    });
    return (await inSnapshot(folder, source, commit))!;
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    if (here) {
      options.warn?.(
        `${error.message} What was downloaded before is used: commit ${recalled} of ${source.repository}.`,
      );
      return here;
    }
    throw new UserError(
      `${sourceText(source)} can't be downloaded: ${error.message} Check the connection (HF_ENDPOINT sets another address), or download it elsewhere and copy ${hubFolder(env)} here.`,
    );
  }
}

/** The mark that huggingface_hub leaves of a file that the repository hasn't. */
const absent = (folder: string, commit: string, path: string) => join(folder, '.no_exist', commit, path);

/** The file as it lies in the cache; `complete` where it is known of each file that might belong to it. */
async function inSnapshot(
  folder: string,
  source: HubSource,
  commit: string,
): Promise<(Fetched & { readonly complete: boolean }) | undefined> {
  const path = join(folder, 'snapshots', commit, source.path);
  const isHere = async (file: string) => (await stat(file).catch(() => undefined))?.isFile() === true;
  if (!(await isHere(path))) return undefined;
  const beside: string[] = [];
  let complete = true;
  for (const ending of besideOf(source)) {
    if (await isHere(path + ending)) beside.push(path + ending);
    else if (!(await isHere(absent(folder, commit, source.path + ending)))) complete = false;
  }
  return { path, beside, complete, pinned: { ...source, revision: commit } };
}

/** The hub didn't answer; what is here already may do. */
class Unreachable extends Error {}

interface Hub {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  commit(): Promise<string>;
  /** The file and those beside it. Throws a UserError when the file isn't there. */
  describe(commit: string): Promise<Described[]>;
}

async function openHub(source: HubSource, env: NonNullable<FetchOptions['env']>): Promise<Hub> {
  const { datasetInfo, modelInfo, pathsInfo } = await import('@huggingface/hub');
  const token = await hubToken(env);
  const url = (env.HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, '');
  let code: string | undefined;
  const watched: typeof fetch = async (input, init) => {
    const response = await fetch(input, { ...init, signal: AbortSignal.timeout(30_000) });
    code = response.headers.get('x-error-code') ?? undefined;
    return response;
  };
  const access = { hubUrl: url, fetch: watched, ...(token === undefined ? {} : { accessToken: token }) };
  const asked = async <T>(question: () => Promise<T>): Promise<T> => {
    try {
      return await question();
    } catch (error) {
      if (isUserError(error)) throw error;
      const status = (error as { statusCode?: number }).statusCode;
      if (status !== undefined && status < 500 && status !== 429)
        throw refused(source, status, code, token, url);
      if (error instanceof TypeError && /access token/.test(error.message)) {
        throw new UserError('HF_TOKEN is no token of the Hugging Face hub: these start with "hf_".');
      }
      const reason = status === undefined ? reasonOf(error) : `it answers ${status}`;
      throw new Unreachable(`the hub (${url}) can't be asked: ${reason}.`);
    }
  };
  return {
    url,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    commit: () =>
      asked(async () => {
        if (isCommit(source.revision)) return source.revision;
        const { repository: name, revision } = source;
        const question = { name, revision, additionalFields: ['sha' as const], ...access };
        const { sha } = await (source.type ? datasetInfo(question) : modelInfo(question));
        return sha;
      }),
    describe: (commit) =>
      asked(async () => {
        const paths = [source.path, ...besideOf(source).map((ending) => source.path + ending)];
        const repo = { type: source.type ?? 'model', name: source.repository } as const;
        const found = await pathsInfo({ repo, paths, revision: commit, ...access });
        const files = found.filter(({ type, path }) => type === 'file' && paths.includes(path));
        if (!files.some(({ path }) => path === source.path))
          throw refused(source, 404, 'EntryNotFound', token, url);
        return files.map(({ path, size, lfs, oid }) => ({
          path,
          size: lfs?.size ?? size,
          etag: lfs?.oid ?? oid ?? '',
        }));
      }),
  };
}

/** Downloads one file into the blobs and links it into the snapshot. */
async function bring(
  source: HubSource,
  folder: string,
  commit: string,
  { path, size, etag }: Described,
  hub: Hub,
  options: FetchOptions,
): Promise<void> {
  const blob = join(folder, 'blobs', etag);
  const what = sourceText({ ...source, revision: commit, path });
  const parts = path.split('/').map(encodeURIComponent).join('/');
  if ((await stat(blob).catch(() => undefined))?.size !== size) {
    await download(
      {
        url: `${hub.url}/${inUrl(source)}/resolve/${commit}/${parts}`,
        headers: hub.headers,
        what,
        size,
        expected: { algorithm: etag.length === 64 ? 'sha256' : 'git', digest: etag },
        explain: (status) => refused(source, status, undefined, hub.headers.authorization, hub.url).message,
      },
      blob,
      options.onProgress,
      options.patience,
    );
  }
  const link = join(folder, 'snapshots', commit, path);
  await mkdir(dirname(link), { recursive: true });
  await symlink(relative(dirname(link), blob), link).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

function refused(
  source: HubSource,
  status: number,
  code: string | undefined,
  token: string | undefined,
  url: string,
): UserError {
  const text = sourceText(source);
  const page = `${url}/${inUrl(source)}`;
  if (code === 'EntryNotFound') {
    return new UserError(
      `The repository ${source.repository} has no file ${source.path} at ${source.revision}: ${text}. See ${page}/tree/${source.revision}.`,
    );
  }
  if (code === 'RevisionNotFound') {
    return new UserError(
      `The repository ${source.repository} has no branch, tag or commit "${source.revision}": ${text}. See ${page}/commits.`,
    );
  }
  if (status === 401 || status === 403) {
    const how =
      token === undefined
        ? 'Either there is no such repository, or it is private or gated: then accept its terms on its page and set HF_TOKEN (or run `hf auth login`).'
        : 'The token that is set has no access: accept the terms of the repository on its page, and check that the token may read it.';
    return new UserError(
      `The hub refuses ${text} (${status}${code ? `, ${code}` : ''}). ${how} See ${page}.`,
    );
  }
  if (status === 404)
    return new UserError(
      `The hub has no repository ${source.repository}, or no such file in it: ${text}. See ${page}.`,
    );
  return new UserError(`The hub refuses ${text} with the answer ${status}. See ${page}.`);
}

async function writeAtomically(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, text);
  await rename(temporary, path);
}
