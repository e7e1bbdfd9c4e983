import type { WriteStream } from 'node:tty';
import { taskName } from '../plan/task.ts';
import type { Event } from '../run/events.ts';
import { duration, painter } from './format.ts';
import { endLine } from './plain.ts';

interface StageLine {
  total: number | undefined;
  hit: number;
  ran: number;
  failed: number;
}

interface Running {
  readonly since: number;
  done: number;
  total: number;
  unit: string;
}

const REDRAW_MS = 100;
const BAR = 24;

/** A picture of the run that is redrawn in place: a line a stage with its bar, a line for each running task. */
export function liveView(stream: WriteStream): (event: Event) => void {
  const colour = painter(stream);
  const stages = new Map<string, StageLine>();
  const running = new Map<string, Running>();
  let drawn = 0;
  let timer: NodeJS.Timeout | undefined;

  const clear = () => {
    if (drawn > 0) stream.write(`\u001b[${drawn}A\u001b[0J`);
    drawn = 0;
  };
  const say = (text: string) => {
    clear();
    stream.write(`${text}\n`);
    draw();
  };
  const draw = () => {
    clear();
    const width = stream.columns || 80;
    const lines = [
      ...[...stages].map(([name, line]) => stageText(name, line)),
      ...[...running].map(([name, task]) => taskText(name, task)),
    ];
    const room = Math.max(3, (stream.rows || 24) - 2);
    const shown = lines.slice(0, room);
    stream.write(shown.map((line) => `${cut(line, width - 1)}\n`).join(''));
    drawn = shown.length;
  };
  const stageText = (name: string, { total, hit, ran, failed }: StageLine) => {
    const finished = hit + ran + failed;
    const share = total ? finished / total : 0;
    const filled = Math.round(share * BAR);
    const bar = `${'━'.repeat(filled)}${'─'.repeat(BAR - filled)}`;
    const mark = failed > 0 ? '✗' : total !== undefined && finished === total ? '✓' : ' ';
    const counts =
      total === undefined
        ? 'waiting'
        : `${finished}/${total}${ran ? `  ran ${ran}` : ''}${hit ? `  up to date ${hit}` : ''}${failed ? `  failed ${failed}` : ''}`;
    return `${mark} ${name.padEnd(20)} ${bar} ${counts}`;
  };
  const taskText = (name: string, task: Running) => {
    const ms = performance.now() - task.since;
    if (task.total === 0) return `    ${name}  ${duration(ms)}`;
    const rate = (task.done / Math.max(ms, 1)) * 1000;
    const left = rate > 0 ? `, ${duration(((task.total - task.done) / rate) * 1000)} left` : '';
    return `    ${name}  ${task.done}/${task.total} ${task.unit}  ${rate.toFixed(rate < 10 ? 1 : 0)} ${task.unit}/s${left}`;
  };

  return (event) => {
    if (event.event === 'start') {
      for (const name of event.stages) stages.set(name, { total: undefined, hit: 0, ran: 0, failed: 0 });
      timer = setInterval(draw, REDRAW_MS);
      timer.unref();
    } else if (event.event === 'tasks') {
      stages.get(event.stage)!.total = event.count;
    } else if (event.event === 'begin') {
      running.set(taskName(event.stage, event.vars), {
        since: performance.now(),
        done: 0,
        total: 0,
        unit: '',
      });
    } else if (event.event === 'progress') {
      Object.assign(running.get(taskName(event.stage, event.vars)) ?? {}, {
        done: event.done,
        total: event.total,
        unit: event.unit,
      });
    } else if (event.event === 'task') {
      const name = taskName(event.stage, event.vars);
      running.delete(name);
      stages.get(event.stage)![event.outcome]++;
    } else if (event.event === 'warning' || event.event === 'waiting') {
      say(`${colour.yellow('!')} ${taskName(event.stage, event.vars)}: ${event.message}`);
    } else if (event.event === 'error') {
      say(`${colour.red('✗')} ${taskName(event.stage, event.vars)} failed.\n${event.message}`);
    } else if (event.event === 'published') {
      say(`${event.stage}: ${event.written} files written to ${event.to}`);
    } else if (event.event === 'run') {
      clearInterval(timer);
      draw();
      const paint = event.failed > 0 || event.interrupted ? colour.red : colour.green;
      stream.write(`${paint(endLine(event))}\n`);
      drawn = 0;
    }
  };
}

function cut(line: string, width: number): string {
  return line.length > width ? `${line.slice(0, width - 1)}…` : line;
}
