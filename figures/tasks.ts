import type { TableRow } from '../tables/csv.ts';
import { columnsFor, counted, encodersOf, type Figure, type Spec, shownWords } from './figure.ts';
import { barOver, CELL, GAP, gridOf, pictureSheet } from './picture-sheet.ts';
import type { Picture, PictureTask } from './task-pictures.ts';
import { COLOURS } from './theme.ts';

const COLUMNS = [
  'model',
  'encoder',
  'layer',
  'unit',
  'mis',
  'task',
  'margin',
  'p',
  'role',
  'place',
  'image',
  'path',
  'label',
];

/** Pixels between groups of pictures, of the text over a unit, and between units. */
const GROUP_GAP = 34;
const TEXT = 46;
const ROW_GAP = 26;

/** How many tasks at most are drawn; the page shows all. */
const MOST = 6;

/** The two-alternative forced-choice task of chosen units as pictures ([MIS] figure 1). */
export const tasks: Figure = {
  name: 'tasks',
  title: 'What the machine is asked',
  make({ tasks: all, encoders: order }) {
    if (all.length === 0) return undefined;
    const encoders = encodersOf(all, order);
    const shown = all.filter((task) => task.encoder === encoders[0]);
    const drawn = spread(shown, MOST);
    const references = drawn[0]!.references_plus.length;
    return {
      columns: columnsFor(encoders, COLUMNS),
      table: all.flatMap(taskRows),
      spec: specification(this.title, drawn, references),
      caption:
        `A task of each of ${counted(drawn.length, 'unit')} of ${shown.length} chosen ones. Left: ${references} images that the unit responds to least; ` +
        `right: ${references} that it responds to most; middle: the two queries, of which the upper belongs to the right. ` +
        'The task shown is the one with the median margin among the unit’s tasks. Margin x: how much more alike the queries are ' +
        'to their own side under the encoder; p = σ(x/α), or σ(αx) where α is set as a factor: how surely the machine picks right.' +
        shownWords(encoders),
    };
  },
};

/** Every task when they are few, else evenly among them (first and last included). */
function spread(all: readonly PictureTask[], most: number): PictureTask[] {
  if (all.length <= most) return [...all];
  return Array.from({ length: most }, (_, i) => all[Math.round((i * (all.length - 1)) / (most - 1))]!);
}

function taskRows(task: PictureTask): TableRow[] {
  const { model, encoder, layer, unit, mis, margin, p } = task;
  const row = (role: string, place: number, { image, path, label }: Picture): TableRow => {
    return { model, encoder, layer, unit, mis, task: task.task, margin, p, role, place, image, path, label };
  };
  return [
    row('query_plus', 0, task.query_plus),
    row('query_minus', 0, task.query_minus),
    ...task.references_plus.map((picture, place) => row('references_plus', place, picture)),
    ...task.references_minus.map((picture, place) => row('references_minus', place, picture)),
  ];
}

function specification(title: string, drawn: readonly PictureTask[], references: number): Spec {
  const columns = Math.ceil(Math.sqrt(references));
  const rows = Math.max(2, Math.ceil(references / columns));
  const side = columns * (CELL + GAP) - GAP;
  const [queries, right] = [side + GROUP_GAP, side + 2 * GROUP_GAP + CELL];
  const panelWidth = right + side;
  const perRow = 2;
  const pitchX = panelWidth + 56;
  const pitchY = TEXT + rows * (CELL + GAP) + ROW_GAP;
  const panels = drawn.map((task, i) => ({
    task,
    x: (i % perRow) * pitchX,
    y: Math.floor(i / perRow) * pitchY + TEXT,
  }));
  const images = panels.flatMap(({ task, x, y }) => {
    const middle = y + ((rows - 2) * (CELL + GAP)) / 2;
    return [
      ...gridOf(task.references_minus, x, y, columns),
      ...gridOf([task.query_plus, task.query_minus], x + queries, middle, 1),
      ...gridOf(task.references_plus, x + right, y, columns),
    ];
  });
  const heads = panels.map(({ task, x, y }) => ({
    x,
    y: y - 30,
    text: `${task.model} · ${task.layer} · unit ${task.unit}`,
    detail: `MIS ${task.mis.toFixed(3)} (${task.reason})  ·  this task: x = ${task.margin.toFixed(3)}, p = ${task.p.toFixed(3)}`,
  }));
  const frames = panels.flatMap(({ x, y }) => {
    const middle = y + ((rows - 2) * (CELL + GAP)) / 2;
    return [
      { x: x + queries - 3, y: middle - 3, colour: COLOURS[0] },
      { x: x + queries - 3, y: middle + CELL + GAP - 3, colour: COLOURS[1] },
    ];
  });
  const bars = panels.flatMap(({ x, y }) => [
    barOver(x, y, side, COLOURS[1]),
    barOver(x + right, y, side, COLOURS[0]),
  ]);
  const total = {
    width: (Math.min(perRow, drawn.length) - 1) * pitchX + panelWidth,
    height: Math.ceil(drawn.length / perRow) * pitchY - ROW_GAP,
  };
  const subtitle =
    'Left: least activating images. Right: most activating. Middle: which query belongs to which side?';
  return pictureSheet({ title, subtitle }, total, { images, heads, frames, bars });
}
