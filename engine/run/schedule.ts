import { ParameterError, UserError } from '../../common/errors.ts';
import type { Perform, Performed } from '../plan/settle.ts';
import type { ReadyTask } from '../plan/task.ts';
import { errorAt } from '../spec/source.ts';
import type { Emit } from './events.ts';
import type { Performer } from './performer.ts';
import { createScheduler, type Wanted } from './scheduler.ts';

/** What a task wants whose stage asks for nothing. */
const A_JOB: Wanted = { units: {}, jobs: 1 };

/**
 * Performs tasks as soon as what they need of the machine is free. A task whose stage says that the machine hasn't got it
 * fails with that.
 */
export function scheduled(jobs: number, emit: Emit, perform: Performer): Perform {
  const scheduler = createScheduler(jobs);
  const wantedBy = asking(emit);
  return async (task) => {
    let wanted: Wanted;
    try {
      wanted = await wantedBy(task);
    } catch (error) {
      return { state: 'failed', error: error as Error, ms: 0, refused: false } satisfies Performed;
    }
    return scheduler.run(wanted, (units) => perform(task, units));
  };
}

/** Asks stages what their tasks need, once for each set of parameters; what they say of it is told once a stage. */
function asking(emit: Emit): (task: ReadyTask) => Promise<Wanted> {
  const answers = new Map<unknown, Promise<Wanted>>();
  const told = new Set<string>();

  async function ask({ spec, params, places }: ReadyTask): Promise<Wanted> {
    try {
      const { units, jobs = 1, note } = await spec.stage.resources!(params);
      const id = `${spec.name}\u0000${note}`;
      if (note !== undefined && !told.has(id)) emit({ event: 'note', stage: spec.name, message: note });
      told.add(id);
      return { units, jobs };
    } catch (error) {
      if (!(error instanceof ParameterError)) throw error;
      const place = places[error.parameter];
      if (!place) throw new UserError([error.message, error.hint].filter(Boolean).join(' '));
      throw errorAt(place, error.message, error.hint);
    }
  }

  return async (task) => {
    if (!task.spec.stage.resources) return A_JOB;
    const known = answers.get(task.params);
    if (known) return known;
    const answer = ask(task);
    answers.set(task.params, answer);
    return answer;
  };
}
