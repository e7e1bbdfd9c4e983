import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { openStore } from '../../cache/store.ts';
import type { GraphOptions } from '../../engine/cli/context.ts';
import { why } from '../../engine/cli/why.ts';
import { dryAndWet, printed } from './in-process.ts';
import { type Project, project } from './support.ts';

const folder = process.cwd();
afterAll(() => process.chdir(folder));

let toy: Project;
let options: GraphOptions;
beforeEach(async () => {
  toy = project('toy');
  process.chdir(toy.dir);
  options = { store: toy.path('.mis') };
  await dryAndWet(options);
});

/** What `mis why` says, without what differs from time to time. */
async function says(stage: string, set: readonly string[] = []): Promise<string> {
  const text = await printed(() => why(stage, { ...options, set }));
  return text.replaceAll(/\d{8}-\d{6}\.\d{3}-[0-9a-f]{10}/g, 'RUN').replaceAll(/\b[0-9a-f]{12}\b/g, 'DIGEST');
}

describe('why, before a run', () => {
  it('a new task', async () => {
    expect(await says('join')).toBe(
      'join: 2 tasks up to date: nothing that counts changed since the stored result was made.\n' +
        'join: 2 tasks ran in RUN (voice=loud; voice=shy), because\n  it is new: there is no earlier result of it\n',
    );
  });
  it('a parameter', async () => {
    expect(await says('join', ['glue=_'])).toContain(
      '2 tasks will run (voice=loud; voice=shy), because\n  parameter glue: "-" → "_"\n',
    );
  });
  it('a parameter that is given for one element', async () => {
    toy.write('configs/voices/loud.yaml', 'mark: "!!"\n');
    expect(await says('shout')).toMatch(
      /shout: 3 tasks will run \(voice=loud part=p0;.*because\n {2}parameter voice\.mark: "!" → "!!"\n/,
    );
  });
  it('a file', async () => {
    toy.write('text.txt', 'one two');
    expect(await says('split')).toMatch(/because\n {2}file text \(.*text\.txt\): DIGEST → DIGEST\n/);
    expect(await says('join')).toContain('join: 2 tasks will run unless what comes before puts out the same');
    expect(await says('shout')).toContain(
      "shout: its tasks aren't known yet; they depend on what split puts out.",
    );
    expect(await says('shout')).toContain('shout: 6 tasks ran in RUN');
  });
  it('code that a stage imports', async () => {
    toy.edit('stages/shout/louder.ts', 'toUpperCase', 'toLowerCase');
    expect(await says('shout')).toContain(
      '6 tasks will run (voice=loud part=p0; voice=loud part=p1; voice=loud part=p2; voice=shy part=p0 and 2 more), because\n  code stages/shout/louder.ts: DIGEST → DIGEST\n',
    );
  });
  it('a new element', async () => {
    toy.write('configs/voices/calm.yaml', 'mark: "."\n');
    const text = await says('shout');
    expect(text).toContain(
      'shout: 3 tasks will run (voice=calm part=p0; voice=calm part=p1; voice=calm part=p2), because\n  it is new: there is no earlier result of it\n',
    );
    expect(text).toContain('shout: 6 tasks up to date (voice=loud part=p0;');
  });
  it('a stored result that is gone', async () => {
    const store = await openStore(options.store!);
    await store.runs.create({}, { group: 'another' }).then((run) => run.finish({ complete: true }));
    await store.close();
    toy.remove('.mis/records');
    expect(await says('split')).toContain('split: 1 task will run, because\n  its stored result was gone');
    expect(await says('split', ['parts=2'])).toContain(
      'something changed, but the earlier result is no longer in the store',
    );
  });
});

describe('why, after the run', () => {
  it('follows an input to the parameter that was changed, without repeating --set', async () => {
    await dryAndWet({ ...options, set: ['times=2'] });
    expect(await says('all')).toBe(
      [
        'all: 1 task up to date: nothing that counts changed since the stored result was made.',
        'all: 1 task ran in RUN, because',
        '  input loud (voice=loud) from join: DIGEST → DIGEST',
        '    join voice=loud:',
        '      input loud (part=p0) and 2 more from shout: DIGEST → DIGEST',
        '        shout voice=loud part=p0 and 2 more:',
        '          parameter times: 1 → 2',
        '',
      ].join('\n'),
    );
  });
  it('follows it also where the earlier task was a hit', async () => {
    await dryAndWet({ ...options, set: ['times=2'] });
    await dryAndWet({ ...options, set: ['times=1', 'final.glue="/"'] });
    const text = await says('all', ['final.glue="/"']);
    expect(text).toContain('parameter final.glue: "+" → "/"');
    expect(text).toContain('          parameter times: 2 → 1');
  });
  it('a removed element and a new one', async () => {
    toy.remove('configs/voices/shy.yaml');
    await dryAndWet(options);
    expect(await says('all')).toMatch(
      /input loud \(voice=shy\) from join: DIGEST → \(none\)\n {4}join voice=shy:\n {6}it is no longer there/,
    );
    toy.write('configs/voices/calm.yaml', 'mark: "."\n');
    await dryAndWet(options);
    expect(await says('all')).toMatch(
      /input loud \(voice=calm\) from join: \(none\) → DIGEST\n {4}join voice=calm:\n {6}it is new/,
    );
  });
  it('a task that the graph does not have any more', async () => {
    await dryAndWet({ ...options, set: ['voices=[{name: odd, mark: "%"}]'] });
    expect(await says('shout')).toContain(
      'shout: 3 tasks ran in RUN (voice=odd part=p0; voice=odd part=p1; voice=odd part=p2), because',
    );
  });
});
