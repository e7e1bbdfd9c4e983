import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Result, readRecord, recordsOf } from '../faults/results.ts';
import type { Ended, Running } from '../faults/runs.ts';
import {
  calmResult,
  complaints,
  expectGoesOn,
  expectParagraph,
  leftovers,
  type Place,
  pipelineWith,
  tasks,
  told,
} from '../faults/support.ts';

/** Waits until the stage says that it reads. */
async function reading(place: Place, run: Running): Promise<void> {
  let ended: Ended | undefined;
  run.ended.then((end) => {
    ended = end;
  });
  while (!existsSync(place.path('gate/reading'))) {
    if (ended) throw new Error(`it ended: ${told(ended)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('a file that is replaced while a stage reads it', () => {
  function slowReader(file: string): Place {
    const place = pipelineWith(
      'reader',
      `stages:
  read:
    uses: ./stages/reader
    with:
      gate: gate
      ${file}
`,
    );
    place.write(
      'configs/default.yaml',
      file.startsWith('source') ? 'source: ../source\n' : 'folder: ../images\n',
    );
    mkdirSync(place.path('gate'));
    place.write('source', 'old old old');
    place.write('images/image', 'old old old');
    return place;
  }

  it.each([
    ['a model, in its place', 'source: ${source}', 'source', false],
    ['a model, by another file of that name', 'source: ${source}', 'source', true],
    ['an image', 'folder: ${folder}', 'images/image', false],
  ])('%s: what was made of both is not kept', async (_, file, name, moved) => {
    const place = slowReader(file);
    const run = place.start();
    await reading(place, run);
    place.write(moved ? 'other' : name, 'new new new');
    if (moved) renameSync(place.path('other'), place.path(name));
    place.write('gate/go', '');
    expectParagraph(await run.ended, /(source|images) changed while the run was on/);
    expect(recordsOf(place.store).whole).toEqual([]);

    const next = await place.run();
    expect(next.code, told(next)).toBe(0);
    const record = readRecord(place.store, recordsOf(place.store).whole[0]!);
    expect(record).toMatchObject({ outputs: { text: { bytes: 11 } } });
    const wanted = await calmResult(place);
    await expectGoesOn(place, wanted);
  });
});

describe('a task whose thread', () => {
  let place: Place;
  let wanted: Result;

  beforeAll(async () => {
    place = pipelineWith(
      'dying',
      `stages:
  first:
    uses: ./stages/dying
    foreach:
      name: \${names}
    with:
      name: \${name}
  last:
    uses: ./stages/dying
    with:
      name: last
    needs:
      before: \${first.text}
`,
    );
    place.write('configs/default.yaml', 'names: [a, b, c, d]\n');
    wanted = await calmResult(place);
  });

  it.each([
    ['ends', 'exit b', /a worker thread ended with code 3/, true],
    ['uses up its memory', 'heap b', /ran out of memory \(the memory of its thread is used up\)/, false],
    ['gets no memory for a buffer', 'buffer b', /ran out of memory \(the system gave none/, false],
  ])(
    '%s fails alone: the others are done, the next run makes the rest',
    async (_, trouble, text, isBug) => {
      rmSync(place.store, { recursive: true, force: true });
      const memory = trouble.startsWith('heap') ? { NODE_OPTIONS: '--max-old-space-size=120' } : {};
      const ended = await place.run({ env: { TROUBLE: trouble, ...memory } });
      if (isBug) expect(complaints(ended)).toMatch(text);
      else expectParagraph(ended, text);
      expect(ended.code).toBe(1);
      expect(tasks(ended, 'ran')).toHaveLength(3);
      expect(tasks(ended, 'failed')).toHaveLength(1);
      expect(ended.events.at(-1)).toMatchObject({ event: 'run', ran: 3, failed: 1, blocked: 1 });
      expect(leftovers(place.store)).toEqual([]);
      const next = await expectGoesOn(place, wanted);
      expect(tasks(next, 'hit')).toHaveLength(3);
      expect(tasks(next, 'ran')).toHaveLength(2);
    },
    120_000,
  );
});

describe('Ctrl-C', () => {
  const gated = () => {
    const place = pipelineWith(
      'reader',
      'stages:\n  read:\n    uses: ./stages/reader\n    with:\n      gate: gate\n      source: ${source}\n',
    );
    place.write('configs/default.yaml', 'source: ../source\n');
    place.write('source', 'old old old');
    mkdirSync(place.path('gate'));
    return place;
  };

  it.each([
    ['once: it stops cleanly', 1],
    ['twice: it stops now', 2],
  ])('%s; nothing half-done counts, the next run comes to the same', async (_, times) => {
    const place = gated();
    const run = place.start();
    await reading(place, run);
    run.signal('SIGINT');
    if (times === 2) {
      await run.says('Stopping');
      run.signal('SIGINT');
    }
    const ended = await run.ended;
    expect(ended.code, told(ended)).toBe(130);
    expect(recordsOf(place.store).whole).toEqual([]);
    place.write('gate/go', '');
    const wanted = await calmResult(place);
    await expectGoesOn(place, wanted);
  });
});
