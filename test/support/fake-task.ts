import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { Received, Stage, Task } from '../../engine/stage.ts';

/** An input of a fake task: a path, and the foreach variables of the task that would have made it. */
export interface FakeInput {
  readonly path: string;
  readonly vars?: Readonly<Record<string, string>>;
}

/** Fingerprint of every fake task. */
export const FINGERPRINT = 'f1'.repeat(32);

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A new empty folder below the system's temporary one; it goes when the tests of the file are done. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mis-test-'));
  folders.push(folder);
  return folder;
}

export interface FakeRun {
  /** Folder of the outputs. */
  readonly folder: string;
  output(name: string): string;
  listOutput(list: string, element: string, output: string): string;
  readonly warnings: string[];
}

/**
 * Runs one stage without an engine: its parameters are checked by its schema, its outputs go to a new temporary folder.
 * `each` inputs are given as arrays, `one` inputs as single ones. Outputs of kind `folder` exist when `run` starts.
 */
export async function runStage<Params>(
  stage: Stage<Params>,
  given: {
    readonly params: unknown;
    readonly inputs?: Readonly<Record<string, FakeInput | readonly FakeInput[]>>;
    readonly files?: Readonly<Record<string, string | readonly string[]>>;
    /** Folder of what the stage keeps from run to run; by default every run has its own. */
    readonly kept?: string;
    readonly impossible?: Task['impossible'];
    readonly resources?: Readonly<Record<string, string>>;
  },
): Promise<FakeRun> {
  const folder = temporaryFolder();
  const warnings: string[] = [];
  const output = (name: string) => join(folder, name);
  const listOutput = (list: string, element: string, name: string) =>
    join(folder, `${list}-${element}-${name}`);
  for (const [name, { kind }] of Object.entries(stage.outputs)) {
    if (kind === 'folder') await mkdir(output(name));
  }
  const inputs = (name: string): Received[] => {
    if (!stage.inputs?.[name]) throw new Error(`the stage declares no input ${name}`);
    return [given.inputs?.[name] ?? []].flat().map((input) => ({ digest: '', bytes: 0, vars: {}, ...input }));
  };
  const files = (name: string): string[] => {
    if (!stage.files?.[name]) throw new Error(`the stage declares no file ${name}`);
    return [given.files?.[name] ?? []].flat();
  };
  const only = <T>(found: readonly T[], name: string): T => {
    if (found.length !== 1) throw new Error(`${name}: ${found.length} given`);
    return found[0]!;
  };
  const task: Task<Params> = {
    params: stage.params.parse(given.params),
    fingerprint: FINGERPRINT,
    input: (name) => only(inputs(name), name),
    inputIfAny: (name) => inputs(name)[0],
    inputs: (name) => inputs(name).sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)),
    impossible: given.impossible ?? [],
    resource: (name) => given.resources?.[name],
    file: (name) => only(files(name), name),
    fileIfAny: (name) => files(name)[0],
    files,
    output,
    listOutput,
    kept: (name) => join(given.kept ?? folder, `kept-${name}`),
    progress: () => {},
    warn: (message) => warnings.push(message),
    check: () => {},
  };
  await stage.run(task);
  return { folder, output, listOutput, warnings };
}

function keyOf({ vars }: Received): string {
  return JSON.stringify(Object.entries(vars).sort());
}
