import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Event } from '../../engine/run/events.ts';
import { jsonView } from '../../engine/ui/json.ts';
import { liveView } from '../../engine/ui/live.ts';
import { plainView } from '../../engine/ui/plain.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const ESCAPE = '\u001b';
const UP = new RegExp(`^${ESCAPE}\\[(\\d+)A${ESCAPE}\\[0J`);

/** A terminal that understands what the view writes: text, "n lines up", "clear to the end". Fails on a wrapped line. */
function fakeTerminal(columns: number, rows: number) {
  const lines: string[] = [];
  return {
    columns,
    rows,
    isTTY: true,
    hasColors: () => false,
    write(text: string) {
      const up = UP.exec(text);
      if (up) lines.splice(lines.length - Number(up[1]));
      for (const line of text
        .slice(up?.[0].length ?? 0)
        .split('\n')
        .slice(0, -1)) {
        expect(line).not.toContain('\u001b');
        lines.push(line);
      }
    },
    lines,
  };
}

const of = (model: string) => ({ stage: 'shout', vars: { model } });
const EVENTS: Event[] = [
  { event: 'start', run: 'r', store: 's', stages: ['split', 'shout', 'all'], needs: {}, jobs: 2 },
  { event: 'tasks', stage: 'split', count: 1 },
  { event: 'task', stage: 'split', vars: {}, fingerprint: 'f', outcome: 'hit', ms: 0, bytes: 1 },
  { event: 'tasks', stage: 'shout', count: 4 },
  { event: 'begin', ...of('a') },
  { event: 'begin', ...of('漢字漢字漢字漢字漢字漢字漢字漢字') },
  { event: 'progress', ...of('a'), done: 50, total: 200, unit: 'images' },
  { event: 'warning', ...of('a'), message: 'an image is odd' },
  { event: 'task', ...of('b'), fingerprint: 'f', outcome: 'ran', ms: 3, bytes: 1 },
  { event: 'error', ...of('c'), message: 'No layer "x".' },
  { event: 'task', ...of('c'), fingerprint: 'f', outcome: 'failed', ms: 3, bytes: 0 },
];
const END: Event = {
  event: 'run',
  run: 'r',
  hit: 1,
  ran: 1,
  failed: 1,
  blocked: 3,
  interrupted: false,
  ms: 61_000,
};

describe('live view', () => {
  it('draws a line a stage and a task over again, and keeps what was said above', () => {
    const terminal = fakeTerminal(100, 30);
    const view = liveView(terminal);
    for (const event of EVENTS) {
      view(event);
      vi.advanceTimersByTime(250);
    }
    const empty = '─'.repeat(24);
    expect(terminal.lines).toEqual([
      '! shout model=a: an image is odd',
      'mis: shout model=c failed.',
      'No layer "x".',
      `✓ split ${'━'.repeat(24)} 1/1  up to date 1`,
      `✗ shout ${'━'.repeat(12)}${'─'.repeat(12)} 2/4  ran 1  failed 1`,
      `  all   ${empty} waiting`,
      expect.stringMatching(/^ {4}shout model=a {2}50\/200 images {2}\d+(\.\d)? images\/s, .* left$/),
      expect.stringMatching(/^ {4}shout model=漢字/),
    ]);
    view(END);
    expect(terminal.lines.at(-1)).toBe(
      'Failed after 1 min 01 s: 1 task failed, 3 could not start, 1 ran, 1 up to date.',
    );
    const drawn = terminal.lines.length;
    vi.advanceTimersByTime(1000);
    expect(terminal.lines).toHaveLength(drawn);
  });

  it.each([
    [40, 30],
    [21, 6],
  ])('fits a window of %i × %i', (columns, rows) => {
    const terminal = fakeTerminal(columns, rows);
    const view = liveView(terminal);
    for (const event of EVENTS.filter(({ event }) => event !== 'warning' && event !== 'error')) view(event);
    vi.advanceTimersByTime(500);
    for (const line of terminal.lines) {
      const wide = [...line].filter((character) => character > '\u2fff').length;
      expect(line.length + wide).toBeLessThan(columns);
    }
    expect(terminal.lines.length).toBeLessThan(rows);
  });

  it('clears what a terminal that became narrower has wrapped', () => {
    const written: string[] = [];
    const terminal = { columns: 100, rows: 30, isTTY: true, write: (text: string) => written.push(text) };
    const view = liveView(terminal);
    view(EVENTS[0]!);
    vi.advanceTimersByTime(110);
    terminal.columns = 30;
    vi.advanceTimersByTime(100);
    expect(written.at(-1)).toMatch(new RegExp(`^${ESCAPE}\\[6A`));
  });

  it('counts a task that is repaired once', () => {
    const terminal = fakeTerminal(100, 30);
    const view = liveView(terminal);
    for (const event of EVENTS.slice(0, 3)) view(event);
    view({ event: 'task', stage: 'split', vars: {}, fingerprint: 'f', outcome: 'ran', ms: 1, bytes: 1 });
    vi.advanceTimersByTime(100);
    expect(terminal.lines[0]).toContain('1/1  ran 1');
  });
});

it('plain view', () => {
  const lines: string[] = [];
  const errors: string[] = [];
  const view = plainView({ out: (line) => lines.push(line), err: (line) => errors.push(line) });
  for (const event of [...EVENTS, END]) view(event);
  expect(errors).toEqual(['mis: shout model=c failed.\nNo layer "x".']);
  expect(lines).toEqual([
    'shout model=a: an image is odd',
    'shout model=b: done in 3 ms, 1 B',
    'Failed after 1 min 01 s: 1 task failed, 3 could not start, 1 ran, 1 up to date.',
  ]);
});

it('JSON view', () => {
  const lines: string[] = [];
  const errors: string[] = [];
  const view = jsonView({ out: (line) => lines.push(line), err: (line) => errors.push(line) });
  for (const event of [...EVENTS, END]) view(event);
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    ...EVENTS.filter(({ event }) => event !== 'progress'),
    END,
  ]);
  expect(errors).toEqual(['mis: shout model=c failed.\nNo layer "x".']);
});

it('tells the reason of a stage that fails on every shard once', () => {
  const errors: string[] = [];
  const view = plainView({ out: () => {}, err: (line) => errors.push(line) });
  for (const shard of ['00', '01', '02'])
    view({ event: 'error', stage: 'shout', vars: { shard }, message: 'cut' });
  view({ event: 'error', stage: 'join', vars: {}, message: 'cut' });
  expect(errors).toEqual(['mis: shout shard=00 failed.\ncut', 'mis: join failed.\ncut']);
});

it('tells what each shard warns of once, and what a stage says of the machine', () => {
  const lines: string[] = [];
  const terminal = fakeTerminal(100, 30);
  for (const view of [plainView({ out: (line) => lines.push(line), err: () => {} }), liveView(terminal)]) {
    view({ event: 'note', stage: 'shout', message: 'runs on the CPU' });
    for (const shard of ['00', '01'])
      view({ event: 'warning', stage: 'shout', vars: { shard }, message: 'rounded' });
    view({ event: 'warning', stage: 'join', vars: {}, message: 'rounded' });
  }
  expect(lines).toEqual(['shout: runs on the CPU', 'shout shard=00: rounded', 'join: rounded']);
  expect(terminal.lines).toEqual(['shout: runs on the CPU', '! shout shard=00: rounded', '! join: rounded']);
});
