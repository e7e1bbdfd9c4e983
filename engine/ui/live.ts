import type { WriteStream } from 'node:tty';
import { taskName } from '../plan/task.ts';
import type { Event } from '../run/events.ts';
import { failureTexts, impossibleTexts, warningTexts } from './failures.ts';
import { duration, painter, plural, rateText } from './format.ts';
import { endLine } from './plain.ts';
import { createScreen } from './screen.ts';

interface StageLine {
  /** Tasks by setting, as far as they are known. */
  readonly totals: Map<string, number>;
  /** Tasks that were told as hits. One that is repaired is told once more. */
  hits: number;
  /** What became of the others, by name. */
  readonly outcomes: Map<string, 'ran' | 'failed' | 'impossible'>;
}

interface Running {
  readonly since: number;
  done: number;
  total: number;
  unit: string;
}

const REDRAW_MS = 100;
const BAR = 24;

/** What the view needs of a terminal. */
export type Terminal = Pick<WriteStream, 'columns' | 'rows' | 'isTTY'> & {
  write(text: string): unknown;
  hasColors?(): boolean;
};

/**
 * A picture of the run that is redrawn in place: a line a stage with its bar, a line for each running task. Lines are cut
 * to the window's width, and their number to its height.
 */
export function liveView(terminal: Terminal): (event: Event) => void {
  const colour = painter(terminal);
  const stages = new Map<string, StageLine>();
  const running = new Map<string, Running>();
  const screen = createScreen(terminal);
  const failure = failureTexts();
  const warning = warningTexts();
  const unfit = impossibleTexts();
  let timer: NodeJS.Timeout | undefined;

  const draw = () => {
    const names = Math.max(0, ...[...stages.keys()].map((name) => name.length));
    screen.draw([
      ...[...stages].map(([name, line]) => stageText(name.padEnd(names), line)),
      ...[...running].map(([name, task]) => taskText(name, task)),
    ]);
  };
  const say = (text: string) => {
    screen.say(text);
    draw();
  };
  return (event) => {
    if (event.event === 'start') {
      for (const name of event.stages) stages.set(name, { totals: new Map(), hits: 0, outcomes: new Map() });
      timer = setInterval(draw, REDRAW_MS);
      timer.unref();
    } else if (event.event === 'tasks') {
      stages.get(event.stage)!.totals.set(event.setting ?? '', event.count);
    } else if (event.event === 'begin') {
      const since = performance.now();
      running.set(taskName(event.stage, event.vars), { since, done: 0, total: 0, unit: '' });
    } else if (event.event === 'progress') {
      const { done, total, unit } = event;
      Object.assign(running.get(taskName(event.stage, event.vars)) ?? {}, { done, total, unit });
    } else if (event.event === 'task') {
      const stage = stages.get(event.stage)!;
      if (event.outcome === 'hit') {
        stage.hits++;
        if (running.size > 0) running.delete(taskName(event.stage, event.vars));
        return;
      }
      const name = taskName(event.stage, event.vars);
      running.delete(name);
      stage.outcomes.set(name, event.outcome);
      const text = unfit(event);
      if (text !== undefined) say(`${colour.yellow('!')} ${text}`);
    } else if (event.event === 'warning') {
      const text = warning(event);
      if (text !== undefined) say(`${colour.yellow('!')} ${text}`);
    } else if (event.event === 'waiting') {
      say(`${colour.yellow('!')} ${taskName(event.stage, event.vars)}: ${event.message}`);
    } else if (event.event === 'note') {
      say(`${event.stage}: ${event.message}`);
    } else if (event.event === 'error') {
      running.delete(taskName(event.stage, event.vars));
      const text = failure(event);
      if (text !== undefined) say(colour.red(text));
    } else if (event.event === 'published') {
      say(`${event.stage}: ${plural(event.written, 'file')} written to ${event.to}`);
    } else if (event.event === 'run') {
      clearInterval(timer);
      running.clear();
      draw();
      const paint = event.failed > 0 || event.interrupted ? colour.red : colour.green;
      screen.leave(paint(endLine(event)));
    }
  };
}

function stageText(name: string, { totals, hits, outcomes }: StageLine): string {
  const total = totals.size > 0 ? [...totals.values()].reduce((sum, each) => sum + each, 0) : undefined;
  const count = (of: string) => [...outcomes.values()].filter((outcome) => outcome === of).length;
  const [ran, failed, unfit] = [count('ran'), count('failed'), count('impossible')];
  // A hit that was repaired is one of the others.
  const hit = Math.min(hits, (total ?? hits) - outcomes.size);
  const done = hit + outcomes.size;
  const filled = total ? Math.round((Math.min(done, total) / total) * BAR) : 0;
  const bar = `${'━'.repeat(filled)}${'─'.repeat(BAR - filled)}`;
  const mark = failed > 0 ? '✗' : total !== undefined && done === total ? '✓' : ' ';
  const parts = [
    `${done}/${total}`,
    ...(ran ? [`ran ${ran}`] : []),
    ...(hit ? [`up to date ${hit}`] : []),
    ...(failed ? [`failed ${failed}`] : []),
    ...(unfit ? [`not possible ${unfit}`] : []),
  ];
  return `${mark} ${name} ${bar} ${total === undefined ? 'waiting' : parts.join('  ')}`;
}

function taskText(name: string, task: Running): string {
  const ms = performance.now() - task.since;
  if (task.total === 0) return `    ${name}  ${duration(ms)}`;
  return `    ${name}  ${rateText(task.done, task.total, task.unit, ms)}`;
}
