import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { recordText } from '../../cache/records.ts';
import type { Artifact, NewRecord } from '../../cache/store.ts';
import { canonicalJson, type Json, sha256 } from '../../common/json.ts';
import { withContext } from '../../engine/cli/context.ts';
import { settle } from '../../engine/plan/settle.ts';
import { isDone, type ReadyTask } from '../../engine/plan/task.ts';
import { type Shape, shardNames } from './project.ts';

/**
 * Makes a store in which every task of a config's graph has its result, by the planner's own order and fingerprints: as
 * the stages would leave it, but with a line of text for each output and without waiting for the disk.
 * Returns how many tasks that is.
 */
export async function fillStore(config: string, folder: string, shape: Shape): Promise<number> {
  return withContext({ config: [config], store: folder, alone: true }, [], async (context) => {
    const write = writerInto(folder);
    const nothing = {
      ...context.store,
      read: async () => undefined,
      readAll: async (all: readonly string[]) => all.map(() => undefined),
    };
    const expansions = settle(context.pipeline, context.stages, nothing, async (task) => {
      const record = resultOf(task, shape, write);
      write('records', record.fingerprint, recordText(record), '.json');
      return { state: 'ran', record: { ...record, format: 1, document: null, details: null } };
    });
    let tasks = 0;
    for (const expansion of expansions.values()) {
      const found = await expansion;
      if ('unknown' in found) throw new Error('a stage of the generated graph waits for a list');
      await Promise.all(found.looked);
      for (const node of found.nodes) {
        if (!isDone((await node.outcome)!)) throw new Error('a task of the generated graph is not done');
        tasks++;
      }
    }
    return tasks;
  });
}

type Write = (kind: 'blobs' | 'records', name: string, text: string, extension?: string) => void;

function writerInto(store: string): Write {
  const made = new Set<string>();
  return (kind, name, text, extension = '') => {
    const path = join(store, kind, name.slice(0, 2), `${name}${extension}`);
    const folder = dirname(path);
    if (!made.has(folder)) mkdirSync(folder, { recursive: true });
    made.add(folder);
    if (kind === 'records' || !existsSync(path)) writeFileSync(path, text);
  };
}

function resultOf(task: ReadyTask, shape: Shape, write: Write): NewRecord {
  const { spec, vars, fingerprint, document, code, files, origins } = task;
  const blob = (text: string): { digest: string; bytes: number } => {
    const digest = sha256(text);
    write('blobs', digest, text);
    return { digest, bytes: Buffer.byteLength(text) };
  };
  const put = (kind: Artifact['kind'], name: string): Artifact => {
    const file = blob(`${name} of ${fingerprint}\n`);
    if (kind === 'file') return { kind, ...file };
    return { kind, digest: blob(canonicalJson({ 'summary.txt': file })).digest, bytes: file.bytes };
  };
  const made = (outputs: typeof spec.stage.outputs, of = '') =>
    Object.fromEntries(Object.entries(outputs).map(([name, { kind }]) => [name, put(kind, name + of)]));
  const lists = Object.entries(spec.stage.lists ?? {}).map(([list, outputs]) => {
    const elements = shardNames(shape).map((element) => [element, made(outputs, ` ${element}`)]);
    return [list, Object.fromEntries(elements)];
  });
  return {
    fingerprint,
    stage: spec.name,
    vars,
    document: document as unknown as Json,
    details: { code: code.files, files, origins },
    outputs: made(spec.stage.outputs),
    lists: Object.fromEntries(lists),
    ran: { at: '2026-01-01T00:00:00.000Z', ms: 1000, host: 'bench', warnings: [] },
  };
}
