import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DrawnFigure, EXTENSIONS } from './files.ts';

/** The list of a folder's figures, beside them. */
export const MANIFEST = 'figures.json';

/** Writes `figures.json`: the figures that were drawn into a folder, in their order. */
export async function writeManifest(folder: string, figures: readonly DrawnFigure[]): Promise<void> {
  await writeFile(join(folder, MANIFEST), `${JSON.stringify({ figures }, null, 2)}\n`);
}

/** Reads the list back. Throws on one that this module didn't write. */
export async function readManifest(folder: string): Promise<DrawnFigure[]> {
  const text = await readFile(join(folder, MANIFEST), 'utf8');
  const { figures } = JSON.parse(text) as { figures?: unknown };
  if (!Array.isArray(figures) || !figures.every(isDrawn))
    throw new Error(`${join(folder, MANIFEST)} is not a list of figures`);
  return figures;
}

/** Copies the files of all figures in a folder's list, byte for byte, and returns the list. */
export async function copyFigures(from: string, to: string): Promise<DrawnFigure[]> {
  const figures = await readManifest(from);
  for (const { name, files } of figures) {
    for (const extension of files) {
      await copyFile(join(from, `${name}.${extension}`), join(to, `${name}.${extension}`));
    }
  }
  return figures;
}

const TEXTS = ['name', 'title', 'caption', 'provenance'] as const;
const NUMBERS = ['rows', 'width', 'height'] as const;
const KNOWN: readonly string[] = EXTENSIONS;

/** Names become paths: nothing but a plain name passes. */
function isDrawn(value: unknown): value is DrawnFigure {
  if (typeof value !== 'object' || value === null) return false;
  const figure = value as Partial<Record<keyof DrawnFigure, unknown>>;
  return (
    TEXTS.every((key) => typeof figure[key] === 'string') &&
    NUMBERS.every((key) => Number.isFinite(figure[key])) &&
    /^[a-z0-9-]+$/.test(figure.name as string) &&
    Array.isArray(figure.files) &&
    figure.files.every((extension) => KNOWN.includes(extension as string)) &&
    ['string', 'undefined'].includes(typeof figure.fingerprint)
  );
}
