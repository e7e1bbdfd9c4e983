import { taskName } from '../plan/task.ts';
import type { Event } from '../run/events.ts';
import { SETTING } from '../spec/vary.ts';

/**
 * Why tasks failed, as a paragraph that names the first of them. The same reason for further tasks of a stage (one
 * damaged model fails on every shard) is told once.
 */
export function failureTexts(): (event: Extract<Event, { event: 'error' }>) => string | undefined {
  const told = new Set<string>();
  return ({ stage, vars, message }) => {
    const key = `${stage}\u0000${message}`;
    if (told.has(key)) return undefined;
    told.add(key);
    return `mis: ${taskName(stage, vars)} failed.\n${message}`;
  };
}

/** Warnings of tasks, a line each. The same one of further tasks of a stage (each shard of a model) is told once. */
export function warningTexts(): (event: Extract<Event, { event: 'warning' }>) => string | undefined {
  const told = new Set<string>();
  return ({ stage, vars, message }) => {
    const key = `${stage}\u0000${message}`;
    if (told.has(key)) return undefined;
    told.add(key);
    return `${taskName(stage, vars)}: ${message}`;
  };
}

/** Which settings don't fit the data and why, a line each. The same reason for further tasks at a setting is told once. */
export function impossibleTexts(): (event: Extract<Event, { event: 'task' }>) => string | undefined {
  const told = new Set<string>();
  return ({ stage, vars, outcome, reason = '', on }) => {
    if (outcome !== 'impossible' || on) return undefined;
    const key = `${vars[SETTING]}\u0000${reason}`;
    if (told.has(key)) return undefined;
    told.add(key);
    return `${taskName(stage, vars)}: not possible: ${reason.replace(/\s+/g, ' ').trim()}`;
  };
}
