import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson, type Json, sha256 } from '../common/json.ts';
import { csvText } from '../tables/csv.ts';
import type { Figure, FigureResult, Spec } from './figure.ts';
import { renderPdf } from './pdf.ts';
import { withPngScale, withPngText } from './png-text.ts';
import { PNG_SCALE, renderPng, renderSvg } from './render.ts';
import { THEME } from './theme.ts';

/** A figure that was drawn: where its files lie, and the size of the SVG in pixels. */
export interface DrawnFigure {
  readonly name: string;
  readonly title: string;
  readonly caption: string;
  readonly rows: number;
  readonly width: number;
  readonly height: number;
  /** Extensions of its files, which are called by its name. */
  readonly files: readonly string[];
  /** SHA-256 of the table and the specification that all files were made from. */
  readonly provenance: string;
  /** Fingerprint of the task that drew it, where that was told. */
  readonly fingerprint?: string;
}

/** Where a figure comes from, beyond its own table: kept in its files. */
export interface Origin {
  /** Fingerprint of the task that drew it. */
  readonly fingerprint?: string | undefined;
}

export const EXTENSIONS = ['csv', 'json', 'svg', 'png', 'pdf'] as const;

/**
 * Writes a figure's five files into a folder: `NAME.csv` (the table), `NAME.json` (the Vega-Lite specification with its
 * data), `NAME.svg`, `NAME.png` (twice the SVG's pixels, 192 to the inch) and `NAME.pdf` (the same size in points). All
 * but the table carry the digest of table and specification, and the task's fingerprint: in `usermeta`, in
 * `<metadata>`, in tEXt chunks, in the document information.
 */
export async function writeFigure(
  folder: string,
  figure: Pick<Figure, 'name' | 'title'>,
  result: FigureResult,
  { fingerprint }: Origin = {},
): Promise<DrawnFigure> {
  const { columns, table, caption } = result;
  const spec: Spec = { ...result.spec, config: THEME };
  const { name, title } = figure;
  const provenance = sha256(canonicalJson({ columns, table, spec } as unknown as Json));
  const task = fingerprint === undefined ? {} : { fingerprint };
  const notes = { figure: name, provenance: `sha256:${provenance}`, ...task };
  const about = {
    Title: title,
    Source: notes.provenance,
    ...(fingerprint === undefined ? {} : { Fingerprint: fingerprint }),
  };
  const svg = withMetadata(await renderSvg(spec), JSON.stringify(notes));
  const size = sizeOf(svg);
  const png = withPngText(withPngScale(await renderPng(svg), PNG_SCALE), about);
  const pdf = await renderPdf(svg, size, { ...about, Subject: caption });
  const file = (extension: (typeof EXTENSIONS)[number]) => join(folder, `${name}.${extension}`);
  await Promise.all([
    writeFile(file('csv'), csvText(columns, table)),
    writeFile(file('json'), `${JSON.stringify({ ...spec, usermeta: notes }, null, 1)}\n`),
    writeFile(file('svg'), `${svg}\n`),
    writeFile(file('png'), png),
    writeFile(file('pdf'), pdf),
  ]);
  return { name, title, caption, rows: table.length, ...size, files: EXTENSIONS, provenance, ...task };
}

function sizeOf(svg: string): { width: number; height: number } {
  const [, width, height] = /<svg[^>]* width="(\d+(?:\.\d+)?)" height="(\d+(?:\.\d+)?)"/.exec(svg)!;
  return { width: Number(width), height: Number(height) };
}

/** The SVG with a `<metadata>` element as its first child. */
function withMetadata(svg: string, text: string): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return svg.replace(/<svg[^>]*>/, (tag) => `${tag}<metadata>${escaped}</metadata>`);
}
