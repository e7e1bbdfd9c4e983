import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../../../common/errors.ts';
import { shownPath } from '../names.ts';
import { LABEL_NAMES } from '../parquet/features.ts';
import { recordsOf } from './delimited.ts';
import type { ClassName } from './kinds.ts';
import { readMat } from './mat.ts';

/** Labels that stand in a file beside the images. */
export interface Truth {
  /** The label of an image by its path in the data set; undefined when the file doesn't name it. */
  labelOf(path: string): string | undefined;
}

/** Names of ImageNet's validation images, which lie in one folder without their classes. */
export const FLAT_IMAGENET = /^ILSVRC2012_(val|test)_(\d{8})\.JPEG$/;
/** Folders of ImageNet's classes. */
export const SYNSET = /^n\d{8}$/;

const NUMBERED = 'ILSVRC2012_validation_ground_truth.txt';

/** Files that hold the ground truth of ImageNet's validation images, as they are handed out; the best to have first. */
export const TRUTH_FILES = [
  'LOC_val_solution.csv',
  `ILSVRC2012_devkit_t12/data/${NUMBERED}`,
  NUMBERED,
  'val.txt',
];

/** Files beside a ground truth that it can't be understood without, as far as they are there. */
export function besideTruth(path: string): string[] {
  const table = join(dirname(path), 'meta.mat');
  return basename(path) === NUMBERED && existsSync(table) ? [table] : [];
}

/**
 * Reads labels from
 * - a CSV or TSV file: the first column, or one named `path` or the like, names the image; a column named `label` or the
 *   like holds the label (Kaggle's `LOC_val_solution.csv`: the first word of `PredictionString`);
 * - `ILSVRC2012_validation_ground_truth.txt` of ImageNet's development kit, with the `meta.mat` beside it: its numbers
 *   are ILSVRC2012_IDs, whose order is not that of the sorted synsets;
 * - a text file of lines `NAME LABEL`, such as Caffe's `val.txt`.
 * Throws a UserError that names the file when it is none of these.
 */
export async function readTruth(path: string): Promise<Truth> {
  const text = await readText(path);
  const name = basename(path);
  if (name === NUMBERED) return developmentKit(path, text);
  if (/\.(csv|tsv)$/i.test(name)) return byName(columnsOf(path, text));
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  const pairs = lines.map((line) => /^\s*(\S+)\s+(\S+)\s*$/.exec(line));
  const wrong = pairs.findIndex((pair) => !pair);
  if (wrong >= 0) {
    throw new UserError(
      `The file of labels ${shownPath(path)} can't be understood: line ${wrong + 1} is not an image's name and its label with a blank between. Give a CSV file, or correct \`dataset.labels\`.`,
    );
  }
  return byName(pairs.map((pair) => [pair![1]!, pair![2]!]));
}

/** Labels by name: an image is found by its path, its file name, or that without its ending. */
function byName(pairs: readonly (readonly [name: string, label: string])[]): Truth {
  const labels = new Map(pairs);
  const stem = (name: string) => name.replace(/\.[^.]+$/, '');
  return {
    labelOf(path) {
      const name = basename(path);
      return labels.get(path) ?? labels.get(name) ?? labels.get(stem(name));
    },
  };
}

function columnsOf(path: string, text: string): [string, string][] {
  const [header = [], ...records] = recordsOf(text, path);
  const lower = header.map((name) => name.trim().toLowerCase());
  const position = (names: readonly string[]) => lower.findIndex((name) => names.includes(name));
  const name = Math.max(
    0,
    position(['path', 'file', 'file_name', 'filename', 'image', 'imageid', 'image_id']),
  );
  const kaggle = lower.indexOf('predictionstring');
  const label = kaggle >= 0 ? kaggle : position([...LABEL_NAMES, 'class_id', 'wnid']);
  if (label < 0) {
    throw new UserError(
      `The file of labels ${shownPath(path)} has no column named "label"; its first line names ${header.map((each) => `"${each}"`).join(', ')}. Rename one.`,
    );
  }
  return records.flatMap((record): [string, string][] => {
    const value = (record[label] ?? '').trim();
    const found = kaggle >= 0 ? value.split(/\s+/)[0]! : value;
    return found === '' ? [] : [[(record[name] ?? '').trim(), found]];
  });
}

/** Line i is the ILSVRC2012_ID of image i; `meta.mat` says which synset that is. */
async function developmentKit(path: string, text: string): Promise<Truth> {
  const beside = join(dirname(path), 'meta.mat');
  const bytes = await readFile(beside).catch(() => {
    throw new UserError(
      `The ground truth ${shownPath(path)} numbers ImageNet's classes as its development kit does, which is not the order of the synsets; the kit's meta.mat, which says what the numbers mean, must lie beside it. Put it there, or give LOC_val_solution.csv as \`dataset.labels\`.`,
    );
  });
  const synsets = synsetsById(beside, bytes);
  const ids = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  return {
    labelOf(image) {
      const number = FLAT_IMAGENET.exec(basename(image))?.[2];
      const id = number === undefined ? undefined : ids[Number(number) - 1];
      return id === undefined ? undefined : synsets.get(Number(id));
    },
  };
}

function synsetsById(path: string, bytes: Buffer): Map<number, string> {
  const unreadable = () =>
    new UserError(
      `${shownPath(path)} is not the meta.mat of ImageNet's development kit (a MATLAB 5 file with the table "synsets"). Take it from ILSVRC2012_devkit_t12.tar.gz.`,
    );
  try {
    const rows = readMat(bytes).get('synsets');
    if (!Array.isArray(rows)) throw unreadable();
    const found = new Map<number, string>();
    for (const row of rows as Readonly<Record<string, unknown>>[]) {
      const id = Number((row.ILSVRC2012_ID as number[])[0]);
      if (Number.isInteger(id) && typeof row.WNID === 'string') found.set(id, row.WNID);
    }
    if (found.size === 0) throw unreadable();
    return found;
  } catch {
    throw unreadable();
  }
}

/** Classes in the order of Kaggle's `LOC_synset_mapping.txt` (`n01440764 tench, Tinca tinca`) or Caffe's `synset_words.txt`. */
export async function readSynsets(path: string): Promise<ClassName[]> {
  const lines = (await readText(path)).split(/\r?\n/).filter((line) => line.trim() !== '');
  return lines.map((line) => {
    const [, label, name] = /^(\S+)\s*(.*)$/.exec(line.trim())!;
    return { label: label!, ...(name ? { name } : {}) };
  });
}

/** Files that name ImageNet's classes. */
export const SYNSET_FILES = ['LOC_synset_mapping.txt', 'synset_words.txt'];

async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new UserError(`The file of labels ${shownPath(path)} can't be read (${error.code}).`);
  });
}
