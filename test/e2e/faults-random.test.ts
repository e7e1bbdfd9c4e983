import { expect, it } from 'vitest';
import { campaign } from '../faults/campaign.ts';

/** How often runs are killed; many more by `npm run faults`. */
const KILLS = 120;

it(`${KILLS} kills at random moments of whole runs, alone and two at once, with and without damage: no difference`, async () => {
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  const summary = await campaign({ kills: KILLS, seed: 1, studyEvery: 30, lanes: 2, log });
  expect(summary.differences, lines.join('\n')).toEqual([]);
  expect(summary.kills).toBe(KILLS);
  expect(summary.twins).toBeGreaterThan(0);
  expect(summary.damages).toBeGreaterThan(0);
  expect(summary.rounds.study).toBeGreaterThan(0);
}, 900_000);
