import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { type Graph, ROOT, toyGraph } from './graphs.ts';
import { differences, type Result, recordsOf, resultOf, tornBlobs } from './results.ts';
import { type Ended, type Running, type RunOptions, startRun } from './runs.ts';

const cleanups: (() => void)[] = [];

afterAll(() => {
  for (const work of cleanups.splice(0).reverse()) work();
});

/** Runs after the tests of the file, last first. */
export function afterwards(work: () => void): void {
  cleanups.push(work);
}

export function temporaryFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'mis-e2e-'));
  afterwards(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A graph in a folder of its own, with a store in it, and the result that it has to come to. */
export interface Place {
  readonly graph: Graph;
  readonly store: string;
  path(name: string): string;
  write(name: string, text: string): void;
  edit(name: string, from: string, to: string): void;
  start(options?: RunOptions): Running;
  run(options?: RunOptions): Promise<Ended>;
}

export function placeOf(graph: Graph, store = join(graph.dir, 'store')): Place {
  const path = (name: string) => join(graph.dir, name);
  const start = (options?: RunOptions) => {
    const running = startRun(graph, store, options);
    afterwards(() => running.signal('SIGKILL'));
    return running;
  };
  return {
    graph,
    store,
    path,
    write(name, text) {
      mkdirSync(dirname(path(name)), { recursive: true });
      writeFileSync(path(name), text);
    },
    edit(name, from, to) {
      const text = readFileSync(path(name), 'utf8');
      expect(text).toContain(from);
      writeFileSync(path(name), text.replace(from, to));
    },
    start,
    run: (options) => start(options).ended,
  };
}

/** The toy graph with fewer tasks: 9. */
export function toy(store?: string): Place {
  const graph = toyGraph(join(temporaryFolder(), 'toy'));
  const place = placeOf(graph, store);
  place.edit('configs/default.yaml', 'parts: 6', 'parts: 2');
  return place;
}

/** A copy of a fixture of `test/faults/` as the stage `name` of a pipeline of its own. */
export function pipelineWith(name: string, pipeline: string): Place {
  const place = toy();
  const stage = place.path(`stages/${name}`);
  cpSync(join(ROOT, 'test', 'faults', name), stage, { recursive: true });
  const text = readFileSync(join(stage, 'index.ts'), 'utf8');
  writeFileSync(join(stage, 'index.ts'), text.replace("'../../../engine/", "'../../engine/"));
  place.write('pipeline.yaml', pipeline);
  place.write('configs/default.yaml', '{}');
  return place;
}

/** Result of an undisturbed run of a place's graph, on a store of its own; what it published is taken away again. */
export async function calmResult(place: Place, options?: RunOptions): Promise<Result> {
  const store = place.path('calm');
  const ended = await startRun(place.graph, store, options).ended;
  expect(ended.code, ended.stderr).toBe(0);
  const result = resultIn(place, store);
  for (const folder of [store, place.graph.published]) rmSync(folder, { recursive: true, force: true });
  return result;
}

function resultIn({ graph }: Place, store: string): Result {
  return resultOf(store, recordsOf(store).whole, graph.published);
}

/** One more run: it succeeds, the result is as it has to be, and every blob holds what its name says. */
export async function expectGoesOn(place: Place, wanted: Result, options?: RunOptions): Promise<Ended> {
  const ended = await place.run(options);
  expect(ended.code, told(ended)).toBe(0);
  expectResult(place, wanted);
  return ended;
}

export function expectResult(place: Place, wanted: Result): void {
  expect(differences(resultIn(place, place.store), wanted)).toEqual([]);
  expect([...recordsOf(place.store).torn, ...tornBlobs(place.store)]).toEqual([]);
}

/** Everything that a run said. */
export const told = ({ events, stderr }: Ended): string =>
  [...events.map((event) => JSON.stringify(event)), stderr].join('\n');

/** Messages of the failed tasks, and what a run that didn't begin said. */
export const complaints = ({ events, stderr }: Ended): string =>
  [...events.filter(({ event }) => event === 'error').map(({ message }) => message), stderr].join('\n');

/** Tasks with an outcome, by `stage fingerprint`. */
export const tasks = ({ events }: Ended, outcome: string): string[] =>
  events
    .filter((event) => event.event === 'task' && event.outcome === outcome)
    .map(({ stage, fingerprint }) => `${stage} ${fingerprint}`);

/** A failure that a person can mend is a paragraph: no stack, not called a bug. */
export function expectParagraph(ended: Ended, text: RegExp): void {
  expect(ended.code, told(ended)).toBe(1);
  const said = complaints(ended);
  expect(said).toMatch(text);
  expect(said).not.toMatch(/^ +at |This is a bug/m);
}

/** Folders of processes that are gone. */
export const leftovers = (store: string): string[] => readdirSync(join(store, 'tmp'));
