import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { writeFigure } from '../../figures/files.ts';
import { FIGURES } from '../../figures/index.ts';
import { copyFigures, readManifest, writeManifest } from '../../figures/manifest.ts';
import { renderPdf } from '../../figures/pdf.ts';
import { renderSvg } from '../../figures/render.ts';
import { THEME } from '../../figures/theme.ts';
import { temporaryFolder } from '../support/fake-task.ts';
import { sampleData } from './sample.ts';

const data = await sampleData({ models: ['a', 'b'], layers: 4 });
const figure = FIGURES.find(({ name }) => name === 'accuracy')!;
const result = figure.make(data)!;

/** The streams of a PDF, those that are compressed inflated. */
function streams(pdf: Buffer): string[] {
  const text = pdf.toString('latin1');
  return [...text.matchAll(/\/Length (\d+)[^>]*>>\nstream\n/g)].flatMap((match) => {
    const start = match.index + match[0].length;
    const bytes = pdf.subarray(start, start + Number(match[1]));
    try {
      return [inflateSync(bytes).toString('latin1')];
    } catch {
      return [];
    }
  });
}

describe('PDF', () => {
  it('has one page of the figure’s size, the bundled fonts embedded, text as text, and the same bytes again', async () => {
    const svg = await renderSvg({ ...result.spec, config: THEME });
    const pdf = await renderPdf(svg, { width: 400, height: 200 }, { Title: 'A title' });
    const text = pdf.toString('latin1');
    expect(text.match(/\/MediaBox \[[^\]]*\]/g)).toEqual(['/MediaBox [0 0 300 150]']);
    expect(new Set([...text.matchAll(/\/FontName \/[A-Z]+\+(\S+)/g)].map((match) => match[1]))).toEqual(
      new Set(['DejaVuSansCondensed', 'DejaVuSansCondensed-Bold']),
    );
    expect(text.match(/\/FontFile2/g)).toHaveLength(2);
    expect(text.match(/\/ToUnicode/g)).toHaveLength(2);
    const page = streams(pdf).find((stream) => stream.includes(' Tf'))!;
    const texts = svg.match(/<text[^>]*>[^<]+</g)!.length;
    expect(page.match(/\bBT\b/g)!.length).toBeGreaterThanOrEqual(texts);
    expect(text).not.toMatch(/\/Subtype \/Image/);
    const again = await renderPdf(svg, { width: 400, height: 200 }, { Title: 'A title' });
    expect(again.equals(pdf)).toBe(true);
  });

  it('refuses what it can’t draw', async () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="gone.png"/></svg>';
    await expect(renderPdf(svg, { width: 9, height: 9 }, {})).rejects.toThrow(/can't be drawn/);
  });
});

describe('the list of figures', () => {
  it('is read back, and copies files byte for byte', async () => {
    const [from, to] = [temporaryFolder(), temporaryFolder()];
    const drawn = [
      await writeFigure(from, figure, result, { fingerprint: 'abc' }),
      await writeFigure(from, { name: 'again', title: 'Again' }, result),
    ];
    await writeManifest(from, drawn);
    expect(await readManifest(from)).toEqual(drawn);
    expect(drawn.map(({ fingerprint }) => fingerprint)).toEqual(['abc', undefined]);
    expect(await copyFigures(from, to)).toEqual(drawn);
    for (const { name, files } of drawn) {
      for (const extension of files) {
        const file = `${name}.${extension}`;
        expect(readFileSync(join(to, file)).equals(readFileSync(join(from, file)))).toBe(true);
      }
    }
  });

  it('refuses what isn’t such a list, and names that lead elsewhere', async () => {
    const folder = temporaryFolder();
    const good = {
      name: 'x',
      title: '',
      caption: '',
      provenance: '',
      rows: 1,
      width: 1,
      height: 1,
      files: [],
    };
    for (const figures of [
      undefined,
      [1],
      [{ ...good, name: '../x' }],
      [{ ...good, files: ['../../y'] }],
      [{ ...good, width: '1' }],
    ]) {
      writeFileSync(join(folder, 'figures.json'), JSON.stringify({ figures }));
      await expect(readManifest(folder)).rejects.toThrow(/not a list of figures/);
    }
    writeFileSync(join(folder, 'figures.json'), JSON.stringify({ figures: [good] }));
    expect(await readManifest(folder)).toEqual([good]);
  });
});
