import { expect } from 'vitest';
import type { JsonRun, Project } from './project.ts';

/** Runs after a dry run, and checks that the two agree: what was said to be a hit was one, what was said to run ran. */
export async function planAndRun(project: Project, ...args: string[]): Promise<JsonRun> {
  const plan = await project.plan(...args);
  expect(plan.stderr).toBe('');
  expect(plan.code).toBe(0);
  const run = await project.run(...args);
  expect(run.stderr).toBe('');
  expect(run.code).toBe(0);
  const hits = new Set(run.tasks('hit'));
  const ran = new Set(run.tasks('ran'));
  for (const [task, said] of plan.tasks) {
    if (said === 'hit') expect(hits, `${task} was planned as a hit`).toContain(task);
    if (said === 'will-run') expect(ran, `${task} was planned to run`).toContain(task);
  }
  return run;
}
