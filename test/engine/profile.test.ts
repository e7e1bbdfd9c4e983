import { describe, expect, it } from 'vitest';
import { profileText } from '../../engine/cli/profile.ts';
import { createClock } from '../../engine/plan/clock.ts';
import { criticalPath } from '../../engine/run/critical-path.ts';
import type { Event } from '../../engine/run/events.ts';
import type { Measured } from '../../engine/run/job.ts';
import { createMeter, threadCpuMs } from '../../engine/run/measure.ts';
import { profileOf } from '../../engine/run/profile.ts';

const NONE = {
  loadMs: 0,
  verifyMs: 0,
  runMs: 0,
  storeMs: 0,
  recheckMs: 0,
  readBytes: 0,
  peakHeap: 0,
  peakRss: 0,
};

const begin = (stage: string, vars: Record<string, string>, at: number): Event => ({
  event: 'begin',
  stage,
  vars,
  at,
});
const ran = (
  stage: string,
  vars: Record<string, string>,
  at: number,
  ms: number,
  measured: Partial<Measured> = {},
): Event => ({
  event: 'task',
  stage,
  vars,
  fingerprint: 'f',
  outcome: 'ran',
  ms,
  bytes: 100,
  at,
  measured: { ...NONE, ...measured },
});

/** Two jobs: cut 0–100; then draw a 100–400 and draw b 100–200; ink b, of an earlier run; bind 400–500. 1000 ms in all. */
const EVENTS: Event[] = [
  {
    event: 'start',
    run: 'r',
    store: 's',
    stages: ['cut', 'draw', 'ink', 'bind'],
    needs: { cut: [], draw: ['cut'], ink: ['draw'], bind: ['ink', 'cut'] },
    jobs: 2,
    at: 0,
  },
  begin('cut', {}, 0),
  ran('cut', {}, 100, 100, { runMs: 80, loadMs: 20 }),
  begin('draw', { x: 'a' }, 100),
  begin('draw', { x: 'b' }, 100),
  ran('draw', { x: 'b' }, 200, 100, {
    runMs: 90,
    verifyMs: 10,
    done: 45,
    unit: 'lines',
    peakHeap: 7,
    peakRss: 70,
  }),
  ran('draw', { x: 'a' }, 400, 300, {
    runMs: 300,
    done: 150,
    unit: 'lines',
    readBytes: 5,
    peakHeap: 9,
    peakRss: 60,
  }),
  {
    event: 'task',
    stage: 'ink',
    vars: { x: 'a' },
    fingerprint: 'f',
    outcome: 'hit',
    ms: 0,
    bytes: 1,
    at: 400,
  },
  { event: 'task', stage: 'bind', vars: {}, fingerprint: 'f', outcome: 'hit', ms: 0, bytes: 1, at: 400 },
  begin('bind', {}, 400),
  ran('bind', {}, 500, 100, { storeMs: 100 }),
  {
    event: 'overhead',
    startup: 150,
    config: 20,
    prepare: 30,
    publish: 200,
    verify: { files: 25, records: 10, published: 25 },
    at: 1000,
  },
  { event: 'run', run: 'r', hit: 1, ran: 4, failed: 0, blocked: 0, interrupted: false, ms: 1000, at: 1000 },
];

describe('profile', () => {
  const profile = profileOf(EVENTS);

  it('adds up by stage', () => {
    expect(profile.counts).toEqual({ ran: 4, hit: 1, failed: 0 });
    expect(profile.stages[1]).toEqual({
      stage: 'draw',
      ran: 2,
      hit: 0,
      failed: 0,
      ms: 400,
      loadMs: 0,
      verifyMs: 10,
      workMs: 390,
      storeMs: 0,
      recheckMs: 0,
      cpuMs: 0,
      share: 400 / 600,
      meanMs: 200,
      slowest: { vars: { x: 'a' }, ms: 300 },
      done: 195,
      unit: 'lines',
      perSecond: 195 / 0.39,
      readBytes: 5,
      bytes: 200,
      peakHeap: 9,
      peakRss: 70,
    });
    expect(profile.stages[3]).toMatchObject({ stage: 'bind', ran: 1, hit: 0 });
  });

  it('outside of tasks: what was planned before, what stood idle, what was checked', () => {
    expect(profile).toMatchObject({ totalMs: 1200, runMs: 1000, withoutTaskMs: 500 });
    expect(profile.verificationShare).toBeCloseTo(60 / 1200, 12);
    expect(profile.efficiency).toBeCloseTo(600 / 2000, 12);
    expect(profile.overhead).toEqual({
      startup: 150,
      config: 20,
      prepare: 30,
      publish: 200,
      verify: { files: 25, records: 10, published: 25 },
    });
  });

  it('the critical path goes through tasks that were there already', () => {
    expect(profile.critical.ms).toBe(500);
    expect(profile.critical.tasks.map(({ stage, ms }) => [stage, ms])).toEqual([
      ['cut', 100],
      ['draw', 300],
      ['bind', 100],
    ]);
  });

  it('in words', () => {
    const text = profileText('r', 'complete', profile);
    expect(text).toContain('Run r (complete): 1.2 s in all, 2 jobs; 4 tasks ran, 1 up to date.');
    expect(text).toMatch(/^draw +2 +400 ms +67 % +200 ms +500 lines\/s +5 B +200 B +9 B +70 B +300 ms x=a$/m);
    expect(text).toContain('Parallel efficiency 30 %: 600 ms of tasks in 1.0 s × 2 jobs.');
    expect(text).toContain(
      'Critical path 500 ms (with any number of jobs, no less):\n     100 ms  cut\n     300 ms  draw x=a\n',
    );
    expect(text).toContain(
      'Verification of what is there took 5.0 % of the time: 25 ms on files from outside, 10 ms',
    );
  });

  it('of a run that was killed, or of an older version, what the log holds', () => {
    const old = profileOf([
      { event: 'task', stage: 'cut', vars: {}, fingerprint: 'f', outcome: 'ran', ms: 5, bytes: 1 },
    ]);
    expect(old).toMatchObject({ jobs: 1, busy: { ms: 5, workMs: 0 }, critical: { ms: 5 } });
    expect(old.overhead).toBeUndefined();
    expect(profileText('r', 'interrupted', old)).toContain('The log says nothing of the time outside tasks');
    expect(profileOf([])).toMatchObject({ totalMs: 0, efficiency: 0, critical: { ms: 0, tasks: [] } });
  });
});

describe('critical path', () => {
  it('joins tasks on the variables that both have', () => {
    const task = (stage: string, vars: Record<string, string>, ms: number) => ({ stage, vars, ms });
    const found = criticalPath(['a', 'b'], { b: ['a'] }, [
      task('a', { m: '1', s: 'x' }, 50),
      task('a', { m: '1', s: 'y' }, 10),
      task('a', { m: '2', s: 'x' }, 20),
      task('b', { m: '1' }, 1),
      task('b', { m: '2' }, 30),
    ]);
    expect(found).toMatchObject({ ms: 51, tasks: [{ vars: { m: '1', s: 'x' } }, { vars: { m: '1' } }] });
  });
});

describe('measures', () => {
  it('of a job: phases, work done, memory', async () => {
    const meter = createMeter();
    await meter.time('verify', async () => undefined);
    const bytes = await meter.time('run', async () => {
      const end = performance.now() + 60;
      while (performance.now() < end) Math.sqrt(performance.now());
      const held = Buffer.alloc(40_000_000, 1);
      meter.progress(3, 'things');
      return held.length;
    });
    const measured = meter.end(17);
    meter.stop();
    expect(measured).toMatchObject({ readBytes: 17, done: 3, unit: 'things', storeMs: 0 });
    expect(measured.runMs).toBeGreaterThanOrEqual(60);
    expect(measured.perSecond).toBeCloseTo((3 / measured.runMs) * 1000, -1);
    expect(measured.peakHeap).toBeGreaterThan(bytes);
    expect(measured.peakRss).toBeGreaterThan(measured.peakHeap / 2);
    if (threadCpuMs() !== undefined) expect(measured.cpuMs).toBeGreaterThan(10);
  });

  it('a clock counts time of several at once only once', async () => {
    const clock = createClock(['a', 'b']);
    const wait = () => new Promise<void>((resolve) => setTimeout(resolve, 50));
    const started = performance.now();
    await Promise.all([clock.time('a', wait), clock.time('a', wait), clock.time('a', wait)]);
    const whole = performance.now() - started;
    expect(clock.ms().a).toBeGreaterThan(45);
    expect(clock.ms().a).toBeLessThanOrEqual(whole);
    expect(clock.ms().b).toBe(0);
    await expect(clock.time('b', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  });
});
