import type { TableRow } from '../tables/csv.ts';
import { columnsFor, counted, encodersOf, type Figure, fixed, type Spec, shownWords } from './figure.ts';
import { barOver, CELL, GAP, gridOf, pictureSheet, type Sheet } from './picture-sheet.ts';
import { epochWords } from './states.ts';
import type { ChangedUnit, ExtremeUnit, Picture } from './task-pictures.ts';
import { COLOURS } from './theme.ts';

const COLUMNS = [
  'part',
  'model',
  'run',
  'epoch',
  'encoder',
  'layer',
  'unit',
  'mis',
  'side',
  'place',
  'image',
  'path',
  'label',
];

/** How many units at most are drawn in each part. */
const MOST = 6;

/** Most and least activating images of chosen units; and of units whose score changed most while training ([MIS]). */
export const extremes: Figure = {
  name: 'extremes',
  title: 'What units respond to',
  make({ extremes: data, encoders: order }) {
    const all = [...(data?.units ?? []), ...(data?.changed ?? [])];
    if (!data || all.length === 0) return undefined;
    const encoders = encodersOf(all, order);
    const own = <Row extends { encoder: string }>(rows: readonly Row[]) =>
      rows.filter((row) => row.encoder === encoders[0]).slice(0, MOST);
    const [units, changed] = [own(data.units), own(data.changed)];
    return {
      columns: columnsFor(encoders, COLUMNS),
      table: [...data.units.flatMap(unitRows), ...data.changed.flatMap(changedRows)],
      spec: specification(this.title, units, changed),
      caption: captionOf(units, changed) + shownWords(encoders),
    };
  },
};

function captionOf(units: readonly ExtremeUnit[], changed: readonly ChangedUnit[]): string {
  const chosen =
    units.length > 0
      ? `Of ${counted(units.length, 'unit')}: left the ${units[0]!.least.length} images of the data set that the unit responds to least, ` +
        `right the ${units[0]!.most.length} that it responds to most, most extreme first; MIS with its 95 % bootstrap interval over tasks.`
      : '';
  const before =
    changed.length > 0
      ? `Of ${counted(changed.length, 'unit')} whose MIS changed most between two states of a training run: the images that it responds to ` +
        'most before (left) and after (right).'
      : '';
  return [chosen, before].filter(Boolean).join(' ');
}

type Subject = Pick<ExtremeUnit, 'model' | 'encoder' | 'layer' | 'unit' | 'mis'>;

function pictureRows(
  part: string,
  { model, encoder, layer, unit, mis }: Subject,
  { run, epoch }: { readonly run: string | null; readonly epoch: number | null },
  side: string,
  pictures: readonly Picture[],
): TableRow[] {
  return pictures.map(({ image, path, label }, place) => {
    return { part, model, run, epoch, encoder, layer, unit, mis, side, place, image, path, label };
  });
}

function unitRows(unit: ExtremeUnit): TableRow[] {
  const none = { run: null, epoch: null };
  return [
    ...pictureRows('chosen', unit, none, 'most', unit.most),
    ...pictureRows('chosen', unit, none, 'least', unit.least),
  ];
}

function changedRows(unit: ChangedUnit): TableRow[] {
  return [unit.before, unit.after].flatMap((state) =>
    pictureRows('changed', { ...unit, ...state }, { run: unit.run, epoch: state.epoch }, 'most', state.most),
  );
}

/** Two grids of pictures beside each other under a heading. */
interface Block {
  readonly text: string;
  readonly detail: string;
  readonly sides: readonly [Side, Side];
}

interface Side {
  readonly word: string;
  readonly colour: string;
  readonly pictures: readonly Picture[];
}

function unitBlock({ model, layer, unit, mis, mis_low, mis_high, reason, most, least }: ExtremeUnit): Block {
  return {
    text: `${model} · ${layer} · unit ${unit}`,
    detail: `MIS ${fixed(mis, 3)} [${fixed(mis_low, 3)}, ${fixed(mis_high, 3)}] (${reason})`,
    sides: [
      { word: 'least activating', colour: COLOURS[1], pictures: least },
      { word: 'most activating', colour: COLOURS[0], pictures: most },
    ],
  };
}

function changedBlock({ run, layer, unit, before, after }: ChangedUnit): Block {
  const change = after.mis - before.mis;
  const side = ({ epoch, mis, most }: ChangedUnit['before'], colour: string): Side => ({
    word: `${epochWords(epoch)}: MIS ${fixed(mis, 3)}`,
    colour,
    pictures: most,
  });
  return {
    text: `${run} · ${layer} · unit ${unit}`,
    detail: `MIS ${change < 0 ? '' : '+'}${fixed(change, 3)}; most activating images before and after`,
    sides: [side(before, COLOURS[1]), side(after, COLOURS[0])],
  };
}

const PER_ROW = 2;
/** Pixels: between the two grids, the columns, the rows; above a grid; of a part's title. */
const MIDDLE = 30;
const COLUMN_GAP = 56;
const ROW_GAP = 24;
const TEXT = 62;
const PART_TITLE = 30;

function specification(title: string, units: readonly ExtremeUnit[], changed: readonly ChangedUnit[]): Spec {
  const parts = [
    { word: 'Chosen units', blocks: units.map(unitBlock) },
    { word: 'Units whose score changed most while their network learnt', blocks: changed.map(changedBlock) },
  ].filter(({ blocks }) => blocks.length > 0);
  const pictures = parts.flatMap(({ blocks }) => blocks.flatMap(({ sides }) => sides));
  const most = Math.max(...pictures.map((side) => side.pictures.length));
  const columns = Math.max(1, Math.ceil(Math.sqrt(most)));
  const grid = columns * (CELL + GAP) - GAP;
  const rows = Math.ceil(most / columns);
  const pitch = {
    x: 2 * grid + MIDDLE + COLUMN_GAP,
    y: TEXT + rows * (CELL + GAP) - GAP + ROW_GAP,
  };
  const sheets: Sheet[] = [];
  const titles: { x: number; y: number; word: string }[] = [];
  let top = 0;
  for (const { word, blocks } of parts) {
    if (parts.length > 1) {
      titles.push({ x: 0, y: top + 14, word });
      top += PART_TITLE;
    }
    blocks.forEach((block, i) => {
      const [x, y] = [(i % PER_ROW) * pitch.x, top + Math.floor(i / PER_ROW) * pitch.y];
      sheets.push(blockSheet(block, x, y + TEXT, grid, columns));
    });
    top += Math.ceil(blocks.length / PER_ROW) * pitch.y + ROW_GAP / 2;
  }
  const widest = Math.min(PER_ROW, Math.max(...parts.map(({ blocks }) => blocks.length)));
  const size = { width: widest * pitch.x - COLUMN_GAP, height: top - ROW_GAP * 1.5 };
  const subtitle = 'Images of the data set, most extreme first';
  return pictureSheet({ title, subtitle }, size, {
    titles,
    images: sheets.flatMap((sheet) => sheet.images),
    heads: sheets.flatMap((sheet) => sheet.heads),
    bars: sheets.flatMap((sheet) => sheet.bars),
    words: sheets.flatMap((sheet) => sheet.words!),
  });
}

function blockSheet(
  { text, detail, sides }: Block,
  x: number,
  y: number,
  grid: number,
  columns: number,
): Sheet {
  const left = (i: number): number => x + i * (grid + MIDDLE);
  return {
    heads: [{ x, y: y - 44, text, detail }],
    bars: sides.map(({ colour }, i) => barOver(left(i), y, grid, colour)),
    words: sides.map(({ word }, i) => ({ x: left(i), y: y - 11, word })),
    images: sides.flatMap(({ pictures }, i) => gridOf(pictures, left(i), y, columns)),
  };
}
