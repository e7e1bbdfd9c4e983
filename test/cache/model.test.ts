import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Artifact, openStore, type Store } from '../../cache/store.ts';
import { hashOf, print, putText, recordOf } from './support.ts';

/** What a perfect store would hold: which text each record has, which blobs lie there whole, what runs keep. */
interface Model {
  records: Map<string, string>;
  whole: Set<string>;
  runs: { names: string[]; complete: boolean }[];
}
interface Real {
  dir: string;
  store: Store;
}
type Step = fc.AsyncCommand<Model, Real>;

const NAMES = ['t1', 't2', 't3', 't4'];
const TEXTS = ['one', 'two', 'three, a longer text', ''];

function artifactOf(text: string): Artifact {
  return { kind: 'file', digest: hashOf(text), bytes: text.length };
}

/** In memory where there is such a place: syncing to a disk thousands of times takes long. */
const FOLDER = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** A new process, as far as the store can tell. */
async function reopen(real: Real): Promise<void> {
  await real.store.close();
  real.store = await openStore(real.dir);
}

function hit(model: Model, name: string): boolean {
  const text = model.records.get(name);
  return text !== undefined && model.whole.has(text);
}

function step(
  label: string,
  check: (model: Model) => boolean,
  run: (m: Model, r: Real) => Promise<void>,
): Step {
  return { check, run, toString: () => label };
}

const commit = (name: string, text: string): Step =>
  step(
    `commit(${name}, ${text})`,
    () => true,
    async (model, { store }) => {
      const out = await putText(store, text);
      expect(out).toEqual(artifactOf(text));
      await store.commit(recordOf(print(name), { out }));
      model.whole.add(text);
      model.records.set(name, text);
    },
  );

const read = (name: string): Step =>
  step(
    `read(${name})`,
    () => true,
    async (model, { store }) => {
      const record = await store.read(print(name));
      expect(record !== undefined).toBe(hit(model, name));
      if (!record) return;
      expect(record.outputs.out).toEqual(artifactOf(model.records.get(name) as string));
      const path = await store.verified(record.outputs.out as Artifact);
      expect(await readFile(path, 'utf8')).toBe(model.records.get(name));
    },
  );

const spoil = (text: string, how: 'cut' | 'flip' | 'delete'): Step =>
  step(
    `${how}(${text})`,
    (model) => model.whole.has(text) && text !== '',
    async (model, real) => {
      const path = real.store.blobPath(hashOf(text));
      await chmod(path, 0o644);
      if (how === 'delete') await unlink(path);
      else if (how === 'cut') await truncate(path, text.length - 1);
      else {
        await writeFile(path, `X${text.slice(1)}`);
        await expect(real.store.verified(artifactOf(text))).rejects.toThrow();
      }
      model.whole.delete(text);
    },
  );

const run = (names: string[], complete: boolean): Step =>
  step(
    `run(${names}, ${complete})`,
    () => true,
    async (model, { store }) => {
      const made = await store.runs.create({});
      made.recordFingerprints(names.map(print));
      await made.finish({ complete });
      model.runs.push({ names, complete });
    },
  );

const gc = (keepRuns: number): Step =>
  step(
    `gc(${keepRuns})`,
    () => true,
    async (model, real) => {
      await reopen(real);
      await real.store.gc({ yes: true, keepRuns });
      let complete = 0;
      const kept = new Set<string>();
      for (const { names, complete: isComplete } of model.runs.toReversed()) {
        if (complete < keepRuns) for (const name of names) kept.add(name);
        if (isComplete) complete += 1;
      }
      for (const name of model.records.keys()) if (!kept.has(name)) model.records.delete(name);
      const needed = new Set(model.records.values());
      for (const text of model.whole) if (!needed.has(text)) model.whole.delete(text);
      for (const text of TEXTS) {
        const there = await readFile(real.store.blobPath(hashOf(text)), 'utf8').catch(() => undefined);
        expect(there === text).toBe(model.whole.has(text));
      }
    },
  );

describe('the store', () => {
  it('does what a perfect one would, whatever the order of puts, reads, spoilt files, runs and cleanings', async () => {
    const name = fc.constantFrom(...NAMES);
    const text = fc.constantFrom(...TEXTS);
    const steps = [
      fc.tuple(name, text).map(([n, t]) => commit(n, t)),
      name.map(read),
      name.map(read),
      fc.tuple(text, fc.constantFrom('cut', 'flip', 'delete')).map(([t, how]) => spoil(t, how as 'cut')),
      fc.tuple(fc.subarray(NAMES), fc.boolean()).map(([names, complete]) => run(names, complete)),
      fc.integer({ min: 0, max: 2 }).map(gc),
      fc.constant(
        step(
          'reopen',
          () => true,
          (_, real) => reopen(real),
        ),
      ),
    ];
    await fc.assert(
      fc.asyncProperty(fc.commands(steps, { size: '+1' }), async (commands) => {
        const dir = await mkdtemp(join(FOLDER, 'mis-model-'));
        const real: Real = { dir: join(dir, 'store'), store: await openStore(join(dir, 'store')) };
        try {
          const model: Model = { records: new Map(), whole: new Set(), runs: [] };
          await fc.asyncModelRun(() => ({ model, real }), commands);
        } finally {
          await real.store.close();
          await rm(dir, { recursive: true, force: true });
        }
      }),
      { numRuns: 40 },
    );
  });
});
