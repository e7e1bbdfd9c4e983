/** How hard the tasks are: the name of a level, or the share of the data set above the queries. */
export type Difficulty = 'easy' | 'medium' | 'hard' | 'very-hard' | number;

/** Shares of the data set above the queries, for the levels whose queries stand at a fixed rank [IMI, appendix]. */
export const SHARES = { medium: 0.01, hard: 0.05, 'very-hard': 0.15 } as const;

/** Rank of the first query from either end of the order of n images; undefined for `easy`, where it is that behind the references. */
export function queryRank(difficulty: Difficulty, images: number): number | undefined {
  if (difficulty === 'easy') return undefined;
  return Math.floor((typeof difficulty === 'number' ? difficulty : SHARES[difficulty]) * images);
}
