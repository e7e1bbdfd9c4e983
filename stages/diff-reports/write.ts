import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Task } from '../../engine/stage.ts';
import { type ComparedFigure, compareFigure, drawUnitChanges, figureNames } from './figures.ts';
import type { Params } from './index.ts';
import { compareModels } from './models.ts';
import { pageHtml } from './page.ts';
import { readReport } from './read.ts';
import { type Comparison, summaryText } from './summary.ts';
import { writeModelChanges, writeUnitChanges } from './tables.ts';
import { furthest, joinUnits, summarise, summaryOf } from './units.ts';

/** Writes the comparison of two reports: tables, figures, a page over them, and summaries for the terminal and programs. */
export async function writeDiff(task: Task<Params>): Promise<void> {
  const { params } = task;
  const inside = (name: string) => join(task.output('diff'), name);
  await Promise.all(['tables', 'figures'].map((name) => mkdir(inside(name), { recursive: true })));
  const [a, b] = [await readReport(task.input('a').path), await readReport(task.input('b').path)];
  const units = joinUnits(a.units, b.units);
  const models = compareModels(a.models, b.models);
  const names = figureNames(a.figures, b.figures);
  const tables = [
    ...writeModelChanges(inside('tables'), models),
    ...writeUnitChanges(inside('tables'), units),
  ];

  const sides = {
    a: task.input('a').path,
    b: task.input('b').path,
    note: `Grey: run A (${moment(params.a.at)}). In colour: run B (${moment(params.b.at)}).`,
  };
  const origin = { fingerprint: task.fingerprint };
  const figures: ComparedFigure[] = [];
  const same: string[] = [];
  const own = await drawUnitChanges(units, inside('figures'), origin);
  if (own) figures.push(own);
  for (const [i, name] of names.both.entries()) {
    task.check();
    task.progress(i, names.both.length, 'figures');
    const drawn = await compareFigure(name, sides, inside('figures'), origin);
    if (drawn) figures.push(drawn);
    else same.push(name);
  }
  const comparison: Comparison = {
    runs: { a: params.a, b: params.b },
    changes: params.changes,
    moved: params.moved,
    models,
    all: summaryOf(units, params),
    byModel: summarise(units, params),
    risen: furthest(units, 1, params.most),
    fallen: furthest(units, -1, params.most),
    figures: { drawn: figures, same, onlyA: names.onlyA, onlyB: names.onlyB },
  };
  await writeFile(inside('index.html'), pageHtml(comparison, tables, task.fingerprint));
  await writeFile(inside('summary.txt'), summaryText(comparison));
  await writeFile(inside('summary.json'), `${JSON.stringify(comparison, null, 2)}\n`);
}

/** `2026-11-22 12:53 UTC` */
const moment = (at: string): string => `${at.slice(0, 16).replace('T', ' ')} UTC`;
