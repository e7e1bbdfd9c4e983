import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson, type Json, sha256 } from '../common/json.ts';
import { csvText } from '../tables/csv.ts';
import type { Figure, FigureResult, Spec } from './figure.ts';
import { withPngText } from './png-text.ts';
import { renderPng, renderSvg } from './render.ts';
import { THEME } from './theme.ts';

/** A figure that was drawn: where its files lie, and the size of the SVG in pixels. */
export interface DrawnFigure {
  readonly name: string;
  readonly title: string;
  readonly caption: string;
  readonly rows: number;
  readonly width: number;
  readonly height: number;
  /** SHA-256 of the table and the specification that all files were made from. */
  readonly provenance: string;
}

/**
 * Writes a figure's four files into a folder: `NAME.csv` (the table), `NAME.json` (the Vega-Lite specification with its
 * data), `NAME.svg` and `NAME.png`. The last three carry the digest of table and specification: in `usermeta`, in
 * `<metadata>`, in a tEXt chunk.
 */
export async function writeFigure(
  folder: string,
  figure: Figure,
  result: FigureResult,
): Promise<DrawnFigure> {
  const { columns, table, caption } = result;
  const spec: Spec = { ...result.spec, config: THEME };
  const { name, title } = figure;
  const provenance = sha256(canonicalJson({ columns, table, spec } as unknown as Json));
  const notes = { figure: name, provenance: `sha256:${provenance}` };
  const svg = withMetadata(await renderSvg(spec), JSON.stringify(notes));
  const png = withPngText(await renderPng(svg), { Title: title, Source: notes.provenance });
  const file = (extension: string) => join(folder, `${name}.${extension}`);
  await Promise.all([
    writeFile(file('csv'), csvText(columns, table)),
    writeFile(file('json'), `${JSON.stringify({ ...spec, usermeta: notes }, null, 1)}\n`),
    writeFile(file('svg'), `${svg}\n`),
    writeFile(file('png'), png),
  ]);
  const [, width, height] = /<svg[^>]* width="(\d+(?:\.\d+)?)" height="(\d+(?:\.\d+)?)"/.exec(svg)!;
  return {
    name,
    title,
    caption,
    rows: table.length,
    width: Number(width),
    height: Number(height),
    provenance,
  };
}

/** The SVG with a `<metadata>` element as its first child. */
function withMetadata(svg: string, text: string): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return svg.replace(/<svg[^>]*>/, (tag) => `${tag}<metadata>${escaped}</metadata>`);
}
