import { describe, expect, it } from 'vitest';
import { outcomes, project, tasksThat } from '../engine/support.ts';

const SHOUT = 'stages/shout/index.ts';
const shouts = ['loud', 'shy'].flatMap((voice) =>
  ['p0', 'p1', 'p2'].map((part) => `shout voice=${voice} part=${part}`),
);

describe('the toy pipeline', () => {
  it('runs what a change makes necessary, as the dry run says', async () => {
    const toy = project('toy');
    const first = await toy.mis('run', '--json');
    expect(first.code, first.stderr).toBe(0);
    expect(first.events().at(-1)).toMatchObject({ event: 'run', hit: 0, ran: 10, failed: 0 });
    expect(first.events().find(({ event }) => event === 'task')).toEqual({
      event: 'task',
      stage: 'split',
      vars: {},
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
      outcome: 'ran',
      ms: expect.any(Number),
      bytes: expect.any(Number),
      at: expect.any(Number),
      measured: expect.objectContaining({ runMs: expect.any(Number), readBytes: 0 }),
    });

    toy.edit(SHOUT, 'async run(task) {', '// a comment\n  async run(task) {\n');
    toy.edit('stages/shout/louder.ts', 'word: string', 'word: string & {}');
    expect(tasksThat('hit', await toy.mis('run', '--json'))).toHaveLength(10);

    toy.edit('stages/shout/louder.ts', 'mark.repeat(times)', "mark.repeat(times) + ';'");
    expect(tasksThat('will-run', await toy.mis('run', '--dry-run', '--json')).sort()).toEqual(shouts);
    const changed = await toy.mis('run', '--json');
    expect(tasksThat('hit', changed)).toEqual(['split']);
    expect((await toy.mis('why', 'join')).stdout).toContain('code stages/shout/louder.ts: ');

    toy.write('text.txt', `${toy.read('text.txt')} eight`);
    const more = outcomes(await toy.mis('run', '--json'));
    expect(
      Object.keys(more)
        .filter((name) => name.startsWith('shout') && more[name] === 'ran')
        .sort(),
    ).toEqual(['shout voice=loud part=p2', 'shout voice=shy part=p2']);
    const plain = await toy.mis('run');
    expect(plain.stdout).toMatch(/^Nothing to do: 10 tasks up to date \(\d+ ms\)\.\n$/);
  });
});

describe('failures', () => {
  it('an expected one is told at once without a stack; what does not need it goes on', async () => {
    const toy = project('toy');
    toy.edit(
      SHOUT,
      'async run(task) {',
      `async run(task) {
    console.log('a line on standard output');
    if (task.params.mark === '?') throw new UserError('Nobody may ask. Use another mark.');`,
    );
    toy.edit(SHOUT, 'import { z }', "import { UserError } from '../../common/errors.ts';\nimport { z }");
    const ended = await toy.mis('run', '--json');
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain('a line on standard output');
    expect(ended.events().at(-1)).toMatchObject({ ran: 5, failed: 3, blocked: 2 });
    const errors = ended.events().filter(({ event }) => event === 'error');
    expect(errors.map(({ message }) => message)).toEqual(Array(3).fill('Nobody may ask. Use another mark.'));
    expect(outcomes(ended)['join voice=loud']).toBe('ran');
    const plain = await toy.mis('run', '-j', '1');
    expect(plain.stderr).toMatch(
      /mis: shout voice=shy part=p\d failed\.\nNobody may ask\. Use another mark\.\n/,
    );
    expect(plain.stderr.match(/Nobody may ask/g)).toHaveLength(1);
    expect(plain.stdout).toContain('3 tasks failed, 2 could not start, 0 ran, 5 up to date.');
    expect(plain.stdout + plain.stderr).not.toMatch(/^ +at /m);
  });

  it('a bug shows its stack and that it is one: a parameter that is read and not declared', async () => {
    const toy = project('toy');
    toy.edit(SHOUT, 'task.params.times)', '(task.params as any).time)');
    const ended = await toy.mis('run', 'shout', '--json');
    expect(ended.code).toBe(1);
    const { message } = ended.events().find(({ event }) => event === 'error') as { message: string };
    expect(message).toContain('the stage reads a parameter "time" that it doesn\'t declare');
    expect(message).toMatch(/^ +at .*stages\/shout\/index\.ts/m);
    expect(message).toContain('This is a bug in mis');
  });

  it('before the run: one paragraph on standard error, nothing on standard output, nothing stored', async () => {
    const toy = project('toy');
    const ended = await toy.mis('run', '--json', '--set', 'tmes=2');
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expect(ended.stderr).toMatch(/^mis: --set: unknown key "tmes"\n.*\n.*\n {2}Did you mean times\?.*\n$/);
    toy.edit('stages/shout/louder.ts', 'return', 'return return');
    const broken = await toy.mis('run');
    expect(broken.code).toBe(1);
    expect(broken.stderr).toMatch(
      /^mis: The code of stage .\/stages\/shout can't be loaded: .*louder\.ts:3:\d+.*\n$/,
    );
    toy.edit(SHOUT, './louder.ts', './lauder.ts');
    expect((await toy.mis('run')).stderr).toMatch(/can't be loaded: Cannot find module .*lauder\.ts/);
  });

  it('code that is edited while the run is on: the result is not kept', async () => {
    const gated = project('engine/gated');
    gated.write('gate/a', '');
    gated.edit(
      'stages/wait/index.ts',
      'writeFileSync(join(gate, `at',
      "if (name === 'b') writeFileSync('stages/wait/index.ts', readFileSync('stages/wait/index.ts', 'utf8') + 'export const x = 1;');\n    writeFileSync(join(gate, `at",
    );
    gated.edit('stages/wait/index.ts', 'import { existsSync,', 'import { existsSync, readFileSync,');
    gated.write('gate/b', '');
    const ended = await gated.mis('run', '--json', '-j', '1', '--set', 'names=[b]');
    expect(ended.code).toBe(1);
    expect(ended.events().find(({ event }) => event === 'error')).toMatchObject({
      message: expect.stringMatching(/^stages\/wait\/index\.ts changed while the run was on/),
    });
    gated.write('gate/all', '');
    expect(tasksThat('ran', await gated.mis('run', '--json', '--set', 'names=[a]'))).toContain(
      'first name=a',
    );
  });
});
