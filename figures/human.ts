/** A figure of the paper that can't be drawn from what the pipeline has, and what it would take. */
export interface AwaitedFigure {
  readonly name: string;
  readonly title: string;
  /** One line: what is missing. */
  readonly needs: string;
}

const ANSWERS =
  'it needs answers of people to the same tasks (unit, task, right or wrong), which the pipeline does not read yet';

/** Figures that need human answers. The report keeps their places. */
export const AWAITED: readonly AwaitedFigure[] = [
  {
    name: 'human-models',
    title: 'Machine and human scores, model by model',
    needs: `MIS against the human score of each model: not drawn, ${ANSWERS}.`,
  },
  {
    name: 'human-units',
    title: 'Machine and human scores, unit by unit',
    needs: `MIS against the human score of each unit, with the noise ceiling: not drawn, ${ANSWERS}.`,
  },
];

/** What `similarity-functions` lacks without human answers. */
export const SIMILARITY_NEEDS = `Agreement with human scores, beside the noise ceiling, is not drawn: ${ANSWERS}.`;
