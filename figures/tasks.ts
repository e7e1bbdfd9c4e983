import type { TableRow } from '../tables/csv.ts';
import { columnsFor, counted, encodersOf, type Figure, type Spec } from './figure.ts';
import type { Picture, PictureTask } from './task-pictures.ts';
import { COLOURS, FAINT, INK } from './theme.ts';

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

/** Pixels of a picture, between pictures, between groups, and of the line of text over a unit. */
const CELL = 54;
const GAP = 4;
const GROUP_GAP = 34;
const TEXT = 46;
const ROW_GAP = 26;

/** How many tasks at most are drawn; the page shows all. */
const MOST = 6;

/** The two-alternative forced-choice task of chosen units as pictures ([MIS] figure 1). */
export const tasks: Figure = {
  name: 'tasks',
  title: 'What the machine is asked',
  make({ tasks: all }) {
    if (all.length === 0) return undefined;
    const encoders = encodersOf(all);
    const drawn = spread(all, MOST);
    const references = drawn[0]!.references_plus.length;
    return {
      columns: columnsFor(encoders, COLUMNS),
      table: all.flatMap(taskRows),
      spec: specification(this.title, drawn, references, encoders.length > 1),
      caption:
        `A task of each of ${counted(drawn.length, 'unit')} of ${all.length} chosen ones. Left: ${references} images that the unit responds to least; ` +
        `right: ${references} that it responds to most; middle: the two queries, of which the upper belongs to the right. ` +
        'The task shown is the one with the median margin among the unit’s tasks. Margin x: how much more alike the queries are ' +
        'to their own side under the encoder; p = σ(x/α), or σ(αx) where α is set as a factor: how surely the machine picks right.',
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

interface Placed {
  readonly x: number;
  readonly y: number;
  readonly url: string;
  readonly words: string;
}

/** Positions of a side's pictures: a grid as square as can be, three columns for nine. */
function gridOf(pictures: readonly Picture[], left: number, top: number, columns: number): Placed[] {
  return pictures.map(({ data, path }, i) => ({
    x: left + (i % columns) * (CELL + GAP),
    y: top + Math.floor(i / columns) * (CELL + GAP),
    url: data,
    words: path,
  }));
}

function specification(
  title: string,
  drawn: readonly PictureTask[],
  references: number,
  severalEncoders: boolean,
): Spec {
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
    detail: `MIS ${task.mis.toFixed(3)} (${task.reason}${severalEncoders ? `, ${task.encoder}` : ''})  ·  this task: x = ${task.margin.toFixed(3)}, p = ${task.p.toFixed(3)}`,
  }));
  const frames = panels.flatMap(({ x, y }) => {
    const middle = y + ((rows - 2) * (CELL + GAP)) / 2;
    return [
      { x: x + queries - 3, y: middle - 3, colour: COLOURS[0] },
      { x: x + queries - 3, y: middle + CELL + GAP - 3, colour: COLOURS[1] },
    ];
  });
  const bars = panels.flatMap(({ x, y }) => [
    { x, right: x + side, y: y - 9, bottom: y - 6, colour: COLOURS[1] },
    { x: x + right, right: x + right + side, y: y - 9, bottom: y - 6, colour: COLOURS[0] },
  ]);
  const total = {
    width: (Math.min(perRow, drawn.length) - 1) * pitchX + panelWidth,
    height: Math.ceil(drawn.length / perRow) * pitchY - ROW_GAP,
  };
  return layered(title, total, { images, heads, frames, bars });
}

function layered(
  title: string,
  { width, height }: { width: number; height: number },
  data: {
    images: readonly object[];
    heads: readonly object[];
    frames: readonly object[];
    bars: readonly object[];
  },
): Spec {
  const x = {
    field: 'x',
    type: 'quantitative',
    axis: null,
    scale: { domain: [0, width], nice: false, zero: false },
  };
  const y = {
    field: 'y',
    type: 'quantitative',
    axis: null,
    scale: { domain: [0, height], range: [0, height], nice: false, zero: false },
  };
  const colour = { field: 'colour', type: 'nominal', scale: null };
  const text = (field: string, dy: number, style: object): object => ({
    data: { values: data.heads },
    mark: { type: 'text', align: 'left', baseline: 'bottom', dy, limit: 480, ...style },
    encoding: { x, y, text: { field, type: 'nominal' } },
  });
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: {
      text: title,
      subtitle:
        'Left: least activating images. Right: most activating. Middle: which query belongs to which side?',
    },
    width,
    height,
    layer: [
      text('text', 0, { fontSize: 13, fontWeight: 'bold', color: INK }),
      text('detail', 15, { fontSize: 11, color: FAINT }),
      {
        data: { values: data.bars },
        mark: { type: 'rect' },
        encoding: { x, y, x2: { field: 'right' }, y2: { field: 'bottom' }, color: colour },
      },
      {
        data: { values: data.frames },
        mark: {
          type: 'square',
          size: (CELL + 6) ** 2,
          xOffset: (CELL + 6) / 2,
          yOffset: (CELL + 6) / 2,
          opacity: 1,
          filled: true,
        },
        encoding: { x, y, color: colour },
      },
      {
        data: { values: data.images },
        mark: { type: 'image', width: CELL, height: CELL, align: 'left', baseline: 'top', aspect: true },
        encoding: {
          x,
          y,
          url: { field: 'url', type: 'nominal' },
          description: { field: 'words', type: 'nominal' },
        },
      },
    ],
  } as unknown as Spec;
}
