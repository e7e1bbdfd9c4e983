import { taskName } from '../plan/task.ts';
import type { Event } from '../run/events.ts';

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
