import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The kinds of devices that the runtime can use, by the names of its execution providers. */
export type Provider = 'cpu' | 'cuda' | 'webgpu' | 'coreml' | 'dml';

/** `cuda:1`: the second device of a provider. */
export const DEVICE = /^(auto|cpu|webgpu|coreml|(cuda|dml)(:(0|[1-9]\d{0,2}))?)$/;

/** What a config says: a name, or several devices of one provider. */
export type DeviceSetting = string | readonly string[];

/** Devices that were chosen, all of one provider. */
export interface Devices {
  readonly provider: Provider;
  /** Names with their index where there can be several (`cuda:0`, `webgpu`); `cpu` for the processor. */
  readonly names: readonly string[];
}

/** What can be seen of this machine without loading anything. */
export interface Machine {
  /** Folder of the runtime's libraries. */
  readonly libraries: string;
  /** Folder of device files. */
  readonly devices: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The machine that this runs on. */
export function thisMachine(): Machine {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
  const libraries = join(dirname(entry), '..', 'bin', 'napi-v6', process.platform, process.arch);
  return { libraries, devices: '/dev', env: process.env };
}

/**
 * The devices that a setting means. `auto` is the first CUDA device where the runtime's CUDA libraries and a device are there,
 * else the processor: looked up once a process, so that planning and running agree.
 */
export function resolveDevices(setting: DeviceSetting, machine?: Machine): Devices {
  if (setting === 'auto') return devicesOf([machine ? automatic(machine) : automaticHere()]);
  return devicesOf(typeof setting === 'string' ? [setting] : setting);
}

function devicesOf(names: readonly string[]): Devices {
  const provider = providerOf(names[0]!);
  const isIndexed = provider === 'cuda' || provider === 'dml';
  return { provider, names: names.map((name) => (isIndexed && !name.includes(':') ? `${name}:0` : name)) };
}

/** The provider of a device's name. */
export const providerOf = (name: string): Provider => name.split(':')[0] as Provider;

/** Which one of a provider's devices a name means. */
export const indexOf = (name: string): number => Number(name.split(':')[1] ?? 0);

let found: string | undefined;
function automaticHere(): string {
  found ??= automatic(thisMachine());
  return found;
}

function automatic(machine: Machine): string {
  return hasCuda(machine) && cudaDevices(machine) > 0 ? 'cuda:0' : 'cpu';
}

/** True where the runtime's CUDA libraries lie beside it: its package doesn't bring them. */
export function hasCuda({ libraries }: Pick<Machine, 'libraries'>): boolean {
  return ['shared', 'cuda'].every((name) =>
    existsSync(join(libraries, `libonnxruntime_providers_${name}.so`)),
  );
}

/** Number of NVIDIA devices that this process may use: `/dev/nvidia0` …, as far as CUDA_VISIBLE_DEVICES names them. */
export function cudaDevices({ devices, env }: Pick<Machine, 'devices' | 'env'>): number {
  const files = existsSync(devices) ? readdirSync(devices).filter((name) => /^nvidia\d+$/.test(name)) : [];
  const { CUDA_VISIBLE_DEVICES: visible } = env;
  if (visible === undefined) return files.length;
  const named = visible.split(',').map((name) => name.trim());
  // CUDA takes those before the first that names nothing.
  const end = named.findIndex((name) => name === '' || name.startsWith('-'));
  return Math.min(files.length, end < 0 ? named.length : end);
}
