import { UserError } from '../../common/errors.ts';
import { type Difficulty, queryRank } from '../../tables/difficulty.ts';

/** Which ranks of a unit's order become which part of its tasks. Ranks count from 0, from either end alike. */
export interface Plan {
  /** N, the number of tasks; also the number of images in a bin. */
  readonly tasks: number;
  /** K, the number of references a side and task; also the number of bins. Ranks 0 … N·K − 1 are references. */
  readonly references: number;
  /** Rank of the first of N queries: N·K for `easy`, else ⌊share · n⌋. */
  readonly queries: number;
  /** How many ranks from either end are needed: those up to the last query. */
  readonly depth: number;
}

/**
 * Lays the tasks out over n images [IMI, MIS]. Throws a UserError that names the settings, and the largest N or K that
 * would fit, when an image would have to stand twice in a task or on both sides of a unit.
 */
export function planTasks(images: number, tasks: number, references: number, difficulty: Difficulty): Plan {
  const queries = queryRank(difficulty, images);
  if (queries === undefined) {
    const needed = 2 * tasks * (references + 1);
    if (needed > images) throw tooFew(images, tasks, references, needed);
    return { tasks, references, queries: tasks * references, depth: tasks * (references + 1) };
  }
  if (queries < tasks * references) throw inReferences(images, tasks, references, difficulty, queries);
  if (2 * (queries + tasks) > images) throw pastMiddle(images, tasks, difficulty, queries);
  return { tasks, references, queries, depth: queries + tasks };
}

/**
 * Throws a UserError that says what to do when the tasks need more images from either end of a unit's order than are
 * known.
 */
export function checkDepth({ depth }: Plan, known: number): void {
  if (depth <= known) return;
  throw new UserError(
    `The tasks need the first ${depth} images from either end of every unit's order, and of the activations only ${known} ` +
      `were kept (inference.store: extremes). Keep more with \`inference.depth: ${depth}\`, or all of them with ` +
      '`inference.store: full`; the models run again then.',
  );
}

function tooFew(images: number, tasks: number, references: number, needed: number): UserError {
  return new UserError(
    `The data set is too small for the tasks: n = ${tasks} tasks with k = ${references} explanation images a side need ` +
      `2 · n · (k + 1) = ${needed} images, and there are ${images}. ` +
      fits(
        Math.floor(images / (2 * (references + 1))),
        references,
        Math.floor(images / (2 * tasks)) - 1,
        tasks,
        'Add images.',
      ),
  );
}

function inReferences(
  images: number,
  tasks: number,
  references: number,
  difficulty: Difficulty,
  queries: number,
) {
  return new UserError(
    `With difficulty ${difficulty} the queries of ${images} images start at rank ${queries}, among the ` +
      `n · k = ${tasks} · ${references} = ${tasks * references} explanation images. ` +
      fits(
        Math.floor(queries / references),
        references,
        Math.floor(queries / tasks),
        tasks,
        'Add images or take another difficulty.',
      ),
  );
}

function pastMiddle(images: number, tasks: number, difficulty: Difficulty, queries: number): UserError {
  const most = Math.floor(images / 2) - queries;
  return new UserError(
    `With difficulty ${difficulty} the n = ${tasks} queries of ${images} images run from rank ${queries} past the middle, ` +
      `where those of the other side stand. ${most >= 1 ? `The largest that fits: n = ${most}` : 'No n would fit'}; or take a lower difficulty.`,
  );
}

/** What to do: the largest N for this K and the largest K for this N, as far as there is one. */
function fits(
  mostTasks: number,
  references: number,
  mostReferences: number,
  tasks: number,
  otherwise: string,
) {
  const options = [
    ...(mostTasks >= 1 ? [`with k = ${references}: n = ${mostTasks}`] : []),
    ...(mostReferences >= 1 ? [`with n = ${tasks}: k = ${mostReferences}`] : []),
  ];
  return options.length === 0 ? otherwise : `The largest that fits ${options.join('; ')}.`;
}
