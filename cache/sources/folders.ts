import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Variables of the environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

const cacheHome = (env: Environment) => env.XDG_CACHE_HOME || join(homedir(), '.cache');

/** Where files from the web and from npm packages are kept, for all projects: MIS_CACHE, or `mis` in the user's cache folder. */
export const filesFolder = (env: Environment): string => env.MIS_CACHE || join(cacheHome(env), 'mis');

/** Where files from the web lie, each in a folder that is named by its SHA-256. */
export const webFolder = (env: Environment): string => join(filesFolder(env), 'https');

const hubHome = (env: Environment) => env.HF_HOME || join(cacheHome(env), 'huggingface');

/** The hub's own cache, shared with Python's huggingface_hub, which reads the same variables. */
export const hubFolder = (env: Environment): string =>
  env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || join(hubHome(env), 'hub');

/** The hub's token: HF_TOKEN, or the one that \`hf auth login\` has saved. */
export async function hubToken(env: Environment): Promise<string | undefined> {
  const given = env.HF_TOKEN || env.HUGGING_FACE_HUB_TOKEN;
  const saved =
    given ?? (await readFile(env.HF_TOKEN_PATH || join(hubHome(env), 'token'), 'utf8').catch(() => ''));
  return saved.trim() || undefined;
}

const isOn = (value: string | undefined) => /^(1|true|yes|on)$/i.test(value ?? '');

/** MIS_OFFLINE: nothing is fetched, what is in the caches is used. HF_HUB_OFFLINE says so for the hub alone. */
export const isOffline = (env: Environment, kind: 'hf' | 'https' | 'npm'): boolean =>
  isOn(env.MIS_OFFLINE) || (kind === 'hf' && isOn(env.HF_HUB_OFFLINE));
