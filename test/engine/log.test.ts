import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Run, StoredRun } from '../../cache/store.ts';
import type { Event } from '../../engine/run/events.ts';
import { createLog, eventsOf } from '../../engine/run/log.ts';

/** A run that keeps its lines in memory, and the same as it is read later. */
function runInMemory() {
  const lines: string[] = [];
  const run = { line: (text: string) => lines.push(text) } as unknown as Run;
  const stored = { events: async () => lines.map((line) => JSON.parse(line)) } as unknown as StoredRun;
  return { lines, run, stored };
}

const name = fc.string();
const task = fc.record({
  event: fc.constant('task' as const),
  stage: fc.constantFrom('a', 'b', '"'),
  vars: fc.oneof(
    fc.record({ model: name, shard: name }),
    fc.record({ model: name, shard: name, setting: name }),
  ),
  fingerprint: fc.nat().map(String),
  outcome: fc.constantFrom('hit' as const, 'hit' as const, 'hit' as const, 'ran' as const),
  ms: fc.constant(0),
  bytes: fc.nat(),
  at: fc.constant(5),
});
const note = fc.record({
  event: fc.constant('note' as const),
  stage: name,
  message: name,
  at: fc.constant(5),
});
const progress = fc.constant<Event>({
  event: 'progress',
  stage: 'a',
  vars: {},
  done: 1,
  total: 2,
  unit: 'images',
});

it('what a log is told can be read from it, but for progress', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof({ weight: 6, arbitrary: task }, note, progress)), async (events) => {
      const { run, stored } = runInMemory();
      const log = createLog(run);
      for (const event of events) log.write(event);
      log.close();
      expect(await eventsOf(stored)).toEqual(events.filter(({ event }) => event !== 'progress'));
    }),
  );
});

it('hits of one stage share a line, which comes before the next event of another kind', async () => {
  const { run, lines } = runInMemory();
  const log = createLog(run);
  const hit = (stage: string, model: string): Event => ({
    event: 'task',
    stage,
    vars: { model },
    fingerprint: model,
    outcome: 'hit',
    ms: 0,
    bytes: 1,
  });
  for (let i = 0; i < 1000; i++) log.write(hit('a', `m${i}`));
  expect(lines).toEqual([]);
  log.write(hit('b', 'm'));
  log.write({ event: 'note', stage: 'b', message: 'told' });
  expect(lines.map((line) => JSON.parse(line).event)).toEqual(['hits', 'hits', 'note']);
  log.write(hit('b', 'later'));
  await expect.poll(() => lines.length).toBe(4);
});

it('a hit that could not be written is told of by the next event', async () => {
  let isFull = true;
  const lines: string[] = [];
  const run = {
    line: (text: string) => {
      if (isFull) throw new Error('No space is left');
      lines.push(text);
    },
  } as unknown as Run;
  const log = createLog(run);
  log.write({ event: 'task', stage: 'a', vars: {}, fingerprint: 'f', outcome: 'hit', ms: 0, bytes: 1 });
  await new Promise((resolve) => setTimeout(resolve, 200));
  isFull = false;
  expect(() => log.write({ event: 'note', stage: 'b', message: 'told' })).toThrow('No space is left');
});
