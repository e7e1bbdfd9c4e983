import type { TrainedRow } from '../../tables/report-tables.ts';

/** "11 of 12 trained networks score above their own untrained weights under lpips.", as measured. */
export function trainedWords(trained: readonly TrainedRow[], encoder: string, under: string): string {
  const rows = trained.filter((row) => row.encoder === encoder);
  const known = rows.filter((row) => row.trained_mis !== null && row.untrained_mis !== null);
  const above = known.filter((row) => row.trained_mis! > row.untrained_mis!).length;
  const networks = `${known.length} trained network${known.length === 1 ? '' : 's'}`;
  const score = known.length === 1 ? 'scores above its' : 'score above their';
  return `${above} of ${networks} ${score} own untrained weights${under}.`;
}
