import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Artifact, Store } from '../../cache/store.ts';
import { isUserError } from '../../common/errors.ts';
import type { Json } from '../../common/json.ts';
import { unwrap } from '../spec/check.ts';
import type { Received, Stage, Output as StageOutput, Task } from '../stage.ts';
import { Interrupted, type Job, type Output, Refused } from './job.ts';
import { keptFiles } from './kept.ts';
import { layOut } from './lay-out.ts';
import { createMeter, type Meter } from './measure.ts';

export interface Reporting {
  progress(done: number, total: number, unit: string): void;
  warning(message: string): void;
  /** True once the run was interrupted. */
  stopped(): boolean;
}

const PROGRESS_EVERY_MS = 100;

/**
 * Runs one job: checks its inputs against their digests, lets the stage write into a folder of its own, and moves what
 * it wrote into the store. Nothing counts until the caller commits the record.
 */
export async function performJob(job: Job, store: Store, reporting: Reporting): Promise<Output> {
  const started = performance.now();
  const { default: stage } = (await import(pathToFileURL(job.entry).href)) as { default: Stage };
  const meter = createMeter(started);
  try {
    return await performMeasured(stage, job, store, reporting, meter);
  } finally {
    meter.stop();
  }
}

async function performMeasured(
  stage: Stage,
  job: Job,
  store: Store,
  reporting: Reporting,
  meter: Meter,
): Promise<Output> {
  const workspace = await store.workspace();
  try {
    const received = await meter.time('verify', () => receive(job, store, join(workspace.dir, 'inputs')));
    const warnings: string[] = [];
    for (const [name, output] of Object.entries(stage.outputs)) {
      if (output.kind === 'folder') await mkdir(join(workspace.dir, 'outputs', name), { recursive: true });
    }
    await mkdir(join(workspace.dir, 'outputs'), { recursive: true });
    const kept = keptFiles(store.dir, job);
    const task = {
      ...taskView(stage, job, received, workspace.dir, warnings, reporting, meter),
      kept: kept.path,
    };
    await meter.time('run', () => stage.run(task).catch(rethrow));
    await kept.removeOld();
    const stored = await meter.time('store', () => collect(stage, workspace.dir, store));
    const read = [...received.values()].flat().reduce((sum, { bytes }) => sum + bytes, 0);
    return { ...stored, warnings, measured: meter.end(read) };
  } finally {
    await workspace.dispose();
  }
}

function rethrow(error: unknown): never {
  throw isUserError(error) ? new Refused(error.message) : error;
}

/** Folders among the inputs are laid out below `folder`. */
async function receive(job: Job, store: Store, folder: string): Promise<Map<string, Received[]>> {
  const received = new Map<string, Received[]>();
  for (const [name, sources] of Object.entries(job.inputs)) {
    const list: Received[] = [];
    for (const [i, { vars, artifact }] of sources.entries()) {
      list.push({
        path:
          artifact.kind === 'folder'
            ? await layOut(artifact, store, join(folder, name, String(i)))
            : await store.verified(artifact),
        digest: artifact.digest,
        bytes: artifact.bytes,
        vars,
      });
    }
    received.set(name, list);
  }
  return received;
}

function taskView(
  stage: Stage,
  job: Job,
  received: Map<string, Received[]>,
  folder: string,
  warnings: string[],
  reporting: Reporting,
  meter: Meter,
): Omit<Task, 'kept'> {
  let reported = 0;
  const inputs = (name: string): Received[] => {
    if (!stage.inputs?.[name]) throw new Error(`the stage declares no input "${name}"`);
    return received.get(name) ?? [];
  };
  const files = (name: string): readonly string[] => {
    if (!stage.files?.[name]) throw new Error(`the stage declares no file "${name}"`);
    return job.files[name] ?? [];
  };
  const present = <T>(value: T | undefined, what: string): T => {
    if (value === undefined) throw new Error(`${what} is absent`);
    return value;
  };
  return {
    params: declaredOnly(stage, job.params),
    fingerprint: job.fingerprint,
    input: (name) => present(inputs(name)[0], `input "${name}"`),
    inputIfAny: (name) => inputs(name)[0],
    inputs,
    impossible: job.impossible,
    resource: (name) => job.resources[name],
    file: (name) => present(files(name)[0], `file "${name}"`),
    fileIfAny: (name) => files(name)[0],
    files,
    output: (name) => {
      if (!stage.outputs[name]) throw new Error(`the stage declares no output "${name}"`);
      return join(folder, 'outputs', name);
    },
    listOutput: (list, element, output) => {
      if (!stage.lists?.[list]?.[output])
        throw new Error(`the stage declares no output "${output}" of a list "${list}"`);
      if (!/^[A-Za-z0-9._-]+$/.test(element) || /^\.+$/.test(element))
        throw new Error(`"${element}" can't name an element`);
      return join(makeFolder(join(folder, 'lists', list, element)), output);
    },
    progress: (done, total, unit) => {
      meter.progress(done, unit);
      const now = performance.now();
      if (now - reported < PROGRESS_EVERY_MS && done < total) return;
      reported = now;
      reporting.progress(done, total, unit);
    },
    warn: (message) => {
      warnings.push(message);
      reporting.warning(message);
    },
    check: () => {
      if (reporting.stopped()) throw new Interrupted();
    },
  };
}

function makeFolder(path: string): string {
  mkdirSync(path, { recursive: true });
  return path;
}

/**
 * Parameters that throw when one is read that the stage didn't declare: it wouldn't be in the fingerprint. Only the names
 * at the top are declared; a parameter that is a mapping is in the fingerprint as a whole, so nothing inside can escape it.
 */
function declaredOnly(stage: Stage, params: Json): unknown {
  const shape = unwrap(stage.params)?.shape;
  if (!shape || typeof params !== 'object' || params === null) return params;
  return new Proxy(params, {
    get(target, key) {
      if (
        typeof key === 'string' &&
        !(key in target) &&
        !(key in shape) &&
        !['toJSON', 'then'].includes(key)
      ) {
        throw new Error(`the stage reads a parameter "${key}" that it doesn't declare`);
      }
      return Reflect.get(target, key);
    },
  });
}

/** A folder is made for the stage before it runs: an optional one that is still empty wasn't written. */
const isWritten = (path: string, { kind, optional }: StageOutput): boolean =>
  existsSync(path) && !(kind === 'folder' && optional && readdirSync(path).length === 0);

async function collect(
  stage: Stage,
  folder: string,
  store: Store,
): Promise<Pick<Output, 'outputs' | 'lists'>> {
  const outputs: Record<string, Artifact> = {};
  for (const [name, output] of Object.entries(stage.outputs)) {
    const path = join(folder, 'outputs', name);
    if (isWritten(path, output)) outputs[name] = await store.put(path, output.kind);
    else if (!output.optional) throw new Error(`the stage didn't write its output "${name}"`);
  }
  const lists: Output['lists'] = {};
  for (const [list, contract] of Object.entries(stage.lists ?? {})) {
    const elements: Record<string, Record<string, Artifact>> = {};
    const parent = join(folder, 'lists', list);
    for (const element of existsSync(parent) ? readdirSync(parent).sort() : []) {
      const each: Record<string, Artifact> = {};
      for (const [name, output] of Object.entries(contract)) {
        const path = join(parent, element, name);
        if (existsSync(path)) each[name] = await store.put(path, output.kind);
        else if (!output.optional)
          throw new Error(`the stage didn't write "${name}" of "${element}" in its list "${list}"`);
      }
      elements[element] = each;
    }
    lists[list] = elements;
  }
  return { outputs, lists };
}
