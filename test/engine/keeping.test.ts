import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Project, project } from './support.ts';

/** The commands that keep a store, as a person calls them, on a toy pipeline. */
let toy: Project;
beforeEach(async () => {
  toy = project('toy');
  expect((await toy.mis('run')).code).toBe(0);
});

const lastJson = (text: string) => JSON.parse(text.trim().split('\n').at(-1) as string);

describe('mis export and import', () => {
  it('move a run to another store, where it is all hits, and elsewhere, where only files are listed anew', async () => {
    const out = await toy.mis('export', '-o', 'run.tar');
    expect(out).toMatchObject({ code: 0, stderr: '' });
    expect(out.stdout).toContain('"mis import" takes it in elsewhere');
    const other = project('toy');
    const told = await other.mis('import', toy.path('run.tar'), '--json');
    expect(lastJson(told.stdout)).toMatchObject({ event: 'import', known: false, knownRecords: 0 });
    const same = await toy.mis('import', 'run.tar', '--store', 'second');
    expect(same.code).toBe(0);
    expect(lastJson((await toy.mis('run', '--store', 'second', '--json')).stdout)).toMatchObject({ ran: 0 });
    const end = lastJson((await other.mis('run', '--json')).stdout);
    expect(end, 'only the listing, which says where the files lie').toMatchObject({ ran: 1, failed: 0 });
    expect((await other.mis('runs')).stdout).toContain('complete, imported');
  });

  it('refuse a damaged archive in one paragraph', async () => {
    await toy.mis('export', '-o', 'run.tar');
    const bytes = readFileSync(toy.path('run.tar'));
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(toy.path('run.tar'), bytes);
    const told = await toy.mis('import', 'run.tar', '--store', 'other');
    expect(told).toMatchObject({ code: 1, stdout: '' });
    expect(told.stderr).toMatch(/^mis: .*run\.tar can't be imported: .*Nothing was stored.*\n$/);
    expect(readdirSync(toy.path('other/blobs'))).toEqual([]);
    expect(await toy.mis('export', 'nonsense', '-o', 'x.tar')).toMatchObject({ code: 1 });
    expect((await toy.mis('export')).stderr).toContain("required option '-o, --output <file>'");
  });
});

describe('mis verify', () => {
  it('is content with a whole store; names what is bad; the next run mends it', async () => {
    const good = await toy.mis('verify', '--json');
    expect(good.code).toBe(0);
    expect(lastJson(good.stdout)).toMatchObject({ event: 'verify', good: true, corrupt: 0, missing: 0 });
    const path = (await toy.mis('path', 'join', 'joined', '--where', 'voice=loud')).stdout.trim();
    chmodSync(path, 0o644);
    writeFileSync(
      path,
      readFileSync(path).map((byte) => byte ^ 1),
    );
    const bad = await toy.mis('verify');
    expect(bad.code).toBe(1);
    expect(bad.stdout).toMatch(/^join voice=loud: joined has other bytes .*; set aside$/m);
    expect(bad.stdout).toContain('1 damaged file. What these belong to counts as not done');
    expect(lastJson((await toy.mis('run', '--json')).stdout)).toMatchObject({ ran: 1, failed: 0 });
    expect((await toy.mis('verify')).stdout).toContain('all good');
  });

  it('tells the task of a record that cannot be read', async () => {
    const records = toy.path('.mis/records');
    const part = readdirSync(records)[0] as string;
    const path = join(records, part, readdirSync(join(records, part))[0] as string);
    const { stage } = JSON.parse(readFileSync(path, 'utf8')).record;
    writeFileSync(path, readFileSync(path, 'utf8').replace('"ms":', '"ms": '));
    const told = await toy.mis('verify', '--json');
    expect(told.code).toBe(1);
    expect(told.events()[0]).toMatchObject({ event: 'problem', kind: 'record', places: [{ stage }] });
    expect(lastJson(told.stdout)).toMatchObject({ badRecords: 1 });
  });
});

describe('mis runs, pin and gc', () => {
  it('list runs, protect one, and free the rest by stage', async () => {
    await toy.mis('pin', 'paper');
    toy.edit('text.txt', toy.read('text.txt').slice(0, 5), 'Other');
    await toy.mis('run', '--set', 'glue=+');
    const runs = (await toy.mis('runs', '--json')).events();
    expect(runs).toHaveLength(2);
    expect(runs[1]).toMatchObject({
      state: 'complete',
      pins: ['paper'],
      hit: 0,
      configs: ['configs/default.yaml'],
    });
    expect((await toy.mis('runs')).stdout.split('\n')[0]).toContain('run ');
    expect((await toy.mis('pin')).stdout).toContain(String(runs[1]!.run));
    expect((await toy.mis('gc')).stdout).toContain('Would remove 0 results');
    const only = await toy.mis('gc', '--run', String(runs[0]!.run));
    expect(only.stdout).toContain('Would remove 0 results');
    expect((await toy.mis('pin', '--remove', 'paper')).code).toBe(0);
    expect((await toy.mis('gc', '--older-than', '1h', '--keep-runs', '0')).stdout).toContain(
      'Would remove 0 results',
    );
    const dry = await toy.mis('gc');
    expect(dry.stdout).toMatch(/^stage +results +files +size\n/);
    expect(dry.stdout).toContain('Run it with --yes');
    const gone = await toy.mis('gc', '--yes', '--json');
    expect(lastJson(gone.stdout).records).toBeGreaterThan(0);
    expect(lastJson((await toy.mis('run', '--set', 'glue=+', '--json')).stdout)).toMatchObject({ ran: 0 });
    expect((await toy.mis('gc', '--max-size', '1kB', '--yes')).stdout).toContain('Kept');
    rmSync(toy.path('report'), { recursive: true, force: true });
    expect(lastJson((await toy.mis('run', '--set', 'glue=+', '--json')).stdout)).toMatchObject({ failed: 0 });
  }, 180_000);

  it.each([
    [['gc', '--older-than', '30'], 'It takes a time with its unit'],
    [['gc', '--max-size', 'big'], 'It takes a size'],
    [['gc', '--keep-runs', '-1'], 'It takes a whole number from 0'],
    [['pin', '--remove', 'nobody'], 'No run is pinned as nobody'],
    [['pin', 'a/b'], "can't be the name of a pin"],
    [['import', 'none.tar'], 'There is no file'],
  ])('%j is refused with a reason', async (args, reason) => {
    const told = await toy.mis(...args);
    expect(told.code).toBe(1);
    expect(told.stderr).toContain(reason);
  });
});
