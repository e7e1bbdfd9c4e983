import { describe, expect, it } from 'vitest';
import { outcomes, project, tasksThat } from '../engine/support.ts';

const table = (text: string) => text.trim().split('\n').sort();
const fingerprints = (events: readonly { [key: string]: unknown }[], stage: string) =>
  events
    .filter((event) => event.event === 'task' && event.stage === stage)
    .map(({ fingerprint }) => fingerprint);

describe('a sweep', () => {
  it('runs what its settings change, once, and tells what does not fit the data', async () => {
    const toy = project('sweep');
    const first = await toy.mis('run', '--json');
    expect(first.code, first.stderr).toBe(0);
    expect(tasksThat('ran', first)).toHaveLength(20);
    expect(toy.read('report/table.csv')).not.toContain('=');
    expect(table(toy.read('sweep/table.csv'))).toEqual(
      [
        ',a,x,14',
        ',a,y,3',
        ',a,z,7',
        'score.alpha=2,a,x,7',
        'score.alpha=2,a,z,3.5',
        'task.n=1,a,x,6',
        `task.n=1,a,y,${9 / 7}`,
        'task.n=1,a,z,3',
        'task.n=3,a,x,26',
        `task.n=3,a,y,${39 / 7}`,
        'task.n=3,a,z,13',
      ].sort(),
    );

    const same = ['sweep', 'score.alpha=2', 'task.n=1,3', '--only', 'encoder=*', '--to', 'again'];
    const again = await toy.mis(...same, '--json');
    expect(again.events().at(-1)).toMatchObject({ ran: 0, failed: 0 });
    expect(fingerprints(again.events(), 'sweep')).toEqual(fingerprints(first.events(), 'sweep'));
    expect(toy.read('again/table.csv')).toBe(toy.read('sweep/table.csv'));

    const set = await toy.mis('run', 'report', '--set', 'task.n=3', '--json');
    expect(tasksThat('hit', set).filter((name) => name.includes('model=a'))).toHaveLength(4);
    expect(tasksThat('ran', set).filter((name) => name.includes('model=a'))).toEqual([]);

    const wide = ['sweep', 'task.n=3,6,7', '--only', 'model=*', '--only', 'encoder=x'];
    const swept = await toy.mis(...wide);
    expect(swept.code, swept.stderr).toBe(0);
    const lines = swept.stdout.split('\n').filter((line) => line.includes('not possible: '));
    expect(lines.sort()).toEqual([
      'pick model=a setting=task.n=6: not possible: 6 words are asked for, but there are 5. Take fewer.',
      'pick model=a setting=task.n=7: not possible: 7 words are asked for, but there are 5. Take fewer.',
      'pick model=b setting=task.n=7: not possible: 7 words are asked for, but there are 6. Take fewer.',
    ]);
    expect(swept.stdout).toMatch(
      /Done in .*: 3 tasks ran, 8 up to date, 6 not possible\.\n3 settings of task\.n/,
    );
    expect(table(toy.read('sweep/table.csv'))).toEqual(
      [
        ',a,x,14',
        ',b,x,18',
        'task.n=3,a,x,26',
        'task.n=3,b,x,30',
        'task.n=6,a,x,6 words are asked for, but there are 5.',
        'task.n=6,b,x,62',
        'task.n=7,a,x,7 words are asked for, but there are 5.',
        'task.n=7,b,x,7 words are asked for, but there are 6.',
      ].sort(),
    );
    const dry = outcomes(await toy.mis(...wide, '--dry-run', '--json'));
    expect(new Set(Object.values(dry))).toEqual(new Set(['hit', 'impossible']));
    const kept = await toy.mis('run', 'report', '--set', 'task.n=6', '--json');
    expect(kept.code).toBe(1);
    expect(kept.stderr).toContain('6 words are asked for');
  });
});
