import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { openStore } from '../../cache/store.ts';
import type { GraphOptions } from '../../engine/cli/context.ts';
import { whyVersus } from '../../engine/cli/why-vs.ts';
import { dryAndWet, printed } from './in-process.ts';
import { type Project, project } from './support.ts';

const folder = process.cwd();
afterAll(() => process.chdir(folder));

let toy: Project;
let options: GraphOptions;
let first: string;
beforeEach(async () => {
  toy = project('toy');
  process.chdir(toy.dir);
  options = { store: toy.path('.mis') };
  first = (await dryAndWet(options)).end.run;
});

async function says(stage: string, runs: readonly string[], set: readonly string[] = []): Promise<string[]> {
  const text = await printed(() => whyVersus(stage, runs, { ...options, set }));
  return text
    .replaceAll(/\b[0-9a-f]{12}\b/g, 'DIGEST')
    .trimEnd()
    .split('\n');
}

describe('why --vs', () => {
  it('a past run and now: the same, then a parameter, then what waits', async () => {
    expect(await says('join', [first])).toEqual([
      `join: from ${first} to now`,
      'join: 2 tasks the same (voice=loud; voice=shy)',
    ]);
    expect(await says('join', [first], ['glue=_'])).toEqual([
      `join: from ${first} to now`,
      'join: 2 tasks differ (voice=loud; voice=shy), because',
      '  parameter glue: "-" → "_"',
    ]);
    expect(await says('all', [first], ['glue=_'])).toEqual([
      `all: from ${first} to now`,
      "all: 1 task can't be compared: it failed, or waits for what an earlier task will put out",
    ]);
    expect(await says('shout', [first], ['parts=2'])).toContain(
      "shout: its tasks aren't known yet; they depend on what split puts out.",
    );
  });

  it('two past runs, whatever the config says now: traced to what was changed', async () => {
    const second = (await dryAndWet({ ...options, set: ['times=2'] })).end.run;
    await dryAndWet({ ...options, set: ['times=3', 'glue=x'] });
    expect(await says('all', [first, second], ['times=9'])).toEqual([
      `all: from ${first} to ${second}`,
      'all: 1 task differs, because',
      '  input loud (voice=loud) from join: DIGEST → DIGEST',
      '    join voice=loud:',
      '      input loud (part=p0) and 2 more from shout: DIGEST → DIGEST',
      '        shout voice=loud part=p0 and 2 more:',
      '          parameter times: 1 → 2',
      'all: at the root: parameter times: 1 → 2',
    ]);
    expect((await says('all', [second, first])).at(-1)).toBe('all: at the root: parameter times: 2 → 1');
    expect(await says('shout', [first, second])).toEqual([
      `shout: from ${first} to ${second}`,
      'shout: 3 tasks the same (voice=shy part=p0; voice=shy part=p1; voice=shy part=p2)',
      'shout: 3 tasks differ (voice=loud part=p0; voice=loud part=p1; voice=loud part=p2), because',
      '  parameter times: 1 → 2',
    ]);
  });

  it('added and removed tasks, and a file', async () => {
    toy.remove('configs/voices/shy.yaml');
    toy.write('configs/voices/calm.yaml', 'mark: "."\n');
    toy.write('text.txt', 'one two three');
    const second = (await dryAndWet(options)).end.run;
    expect(await says('join', [first, second])).toEqual([
      `join: from ${first} to ${second}`,
      'join: 1 task differs (voice=loud), because',
      '  input loud (part=p0) and 2 more from shout: DIGEST → DIGEST',
      '    shout voice=loud part=p0:',
      '      input words from split: DIGEST → DIGEST',
      '        split:',
      expect.stringMatching(/^ {10}file text \(.*text\.txt\): DIGEST → DIGEST$/),
      '    shout voice=loud part=p1:',
      '      it is no longer there',
      '    shout voice=loud part=p2:',
      '      input words from split: DIGEST → DIGEST',
      '        split:',
      expect.stringMatching(/file text/),
      expect.stringMatching(/^join: at the root: file text \(.*\): DIGEST → DIGEST; it is no longer there$/),
      'join: 1 task added (voice=calm)',
      'join: 1 task removed (voice=shy)',
    ]);
  });

  it('code, a result that is gone; names of runs; JSON', async () => {
    toy.edit('stages/shout/louder.ts', 'toUpperCase', 'toLowerCase');
    expect(await says('shout', [first.slice(0, 19)])).toContain(
      '  code stages/shout/louder.ts: DIGEST → DIGEST',
    );
    const second = (await dryAndWet({ ...options, set: ['glue=_', 'times=2'] })).end.run;
    const store = await openStore(options.store!);
    await store.pin(first, 'paper');
    await store.close();
    const text = await printed(() => whyVersus('join', ['paper', second], { ...options, json: true }));
    const [loud] = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(loud).toMatchObject({ stage: 'join', vars: { voice: 'loud' }, state: 'changed' });
    expect(loud.from).not.toBe(loud.to);
    expect(loud.causes.map(({ kind }: { kind: string }) => kind)).toEqual([
      'parameter',
      'input',
      'input',
      'input',
    ]);
    expect(loud.roots).toEqual([
      'parameter glue: "-" → "_"',
      expect.stringMatching(/^code stages\/shout\/louder\.ts: [0-9a-f]{12} → [0-9a-f]{12}$/),
      'parameter times: 1 → 2',
    ]);
    toy.remove('.mis/records');
    expect(await says('join', [first, second])).toContain(
      '  something changed, but the earlier result is no longer in the store to compare with',
    );
  });

  it('mistakes', async () => {
    await expect(whyVersus('join', ['2001'], options)).rejects.toThrow(
      /There is no run 2001 .*The newest are/,
    );
    await expect(whyVersus('jion', [first], options)).rejects.toThrow('Did you mean join?');
    await expect(whyVersus('join', ['a', 'b', 'c'], options)).rejects.toThrow('--vs takes one run or two');
    await dryAndWet(options);
    await expect(whyVersus('join', ['2'], options)).rejects.toThrow(/Several runs begin with 2/);
  });
});
