import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** Paths of the bundled fonts (DejaVu 2.37, from the npm package dejavu-fonts-ttf): regular and bold. */
export function fontFiles(): { regular: string; bold: string } {
  return {
    regular: require.resolve('dejavu-fonts-ttf/ttf/DejaVuSansCondensed.ttf'),
    bold: require.resolve('dejavu-fonts-ttf/ttf/DejaVuSansCondensed-Bold.ttf'),
  };
}

/** Width of a text in units of the font's size: the sum of its characters' advances, without kerning. */
export type TextWidth = (text: string) => number;

const measures = new Map<string, TextWidth>();

/** Reads a TrueType font's advance widths. The same font file is read once. */
export function textWidth(file: string): TextWidth {
  let measure = measures.get(file);
  if (!measure) {
    measure = measureOf(readFileSync(file));
    measures.set(file, measure);
  }
  return measure;
}

function measureOf(font: Buffer): TextWidth {
  const tables = new Map<string, number>();
  for (let i = 0; i < font.readUInt16BE(4); i++) {
    const at = 12 + 16 * i;
    tables.set(font.toString('latin1', at, at + 4), font.readUInt32BE(at + 8));
  }
  const at = (name: string): number => tables.get(name)!;
  const unitsPerEm = font.readUInt16BE(at('head') + 18);
  const longMetrics = font.readUInt16BE(at('hhea') + 34);
  const glyphOf = characterMap(font, at('cmap'));
  const advance = (code: number): number =>
    font.readUInt16BE(at('hmtx') + 4 * Math.min(glyphOf(code), longMetrics - 1)) / unitsPerEm;
  return (text) => {
    let width = 0;
    for (const character of text) width += advance(character.codePointAt(0)!);
    return width;
  };
}

/** Glyph of a character by the font's Unicode map of the basic plane (cmap format 4); 0 for one that it lacks. */
function characterMap(font: Buffer, cmap: number): (code: number) => number {
  for (let i = 0; i < font.readUInt16BE(cmap + 2); i++) {
    const table = cmap + font.readUInt32BE(cmap + 4 + 8 * i + 4);
    if (font.readUInt16BE(table) === 4) return segmentMap(font, table);
  }
  throw new Error('the font has no Unicode character map of format 4');
}

function segmentMap(font: Buffer, table: number): (code: number) => number {
  const bytes = font.readUInt16BE(table + 6); // twice the number of segments
  const [ends, starts] = [table + 14, table + 16 + bytes];
  const [deltas, offsets] = [starts + bytes, starts + 2 * bytes];
  return (code) => {
    for (let s = 0; s < bytes; s += 2) {
      if (code > font.readUInt16BE(ends + s)) continue;
      const start = font.readUInt16BE(starts + s);
      if (code < start) return 0;
      const offset = font.readUInt16BE(offsets + s);
      const delta = font.readUInt16BE(deltas + s);
      if (offset === 0) return (code + delta) & 0xffff;
      const glyph = font.readUInt16BE(offsets + s + offset + 2 * (code - start));
      return glyph === 0 ? 0 : (glyph + delta) & 0xffff;
    }
    return 0;
  };
}
