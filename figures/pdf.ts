import { fontFiles } from './text-width.ts';

/** A pixel of an SVG is 1/96 inch, a point of a PDF 1/72. */
const POINTS_A_PIXEL = 72 / 96;

/** Any fixed moment: a PDF's dates and the identifier made from them would differ from run to run. */
const NO_TIME = new Date(0);

/** What the document says of itself: Latin-1 or Unicode text by name; `Title` and `Subject` are shown by readers. */
export type PdfInfo = Readonly<Record<string, string>>;

/**
 * Draws an SVG as a PDF of one page of its size (a pixel is 0.75 points): lines as vectors, text as text in the bundled
 * fonts, which are embedded as far as they are used. Equal SVG and information give equal bytes. Throws on SVG that it
 * can't draw.
 */
export async function renderPdf(
  svg: string,
  { width, height }: { readonly width: number; readonly height: number },
  info: PdfInfo,
): Promise<Buffer> {
  const [{ default: PdfDocument }, { default: svgToPdf }] = await Promise.all([
    import('pdfkit'),
    import('svg-to-pdfkit'),
  ]);
  const size: [number, number] = [width * POINTS_A_PIXEL, height * POINTS_A_PIXEL];
  const dates = { CreationDate: NO_TIME, ModDate: NO_TIME };
  const document = new PdfDocument({ size, margin: 0, info: { ...info, ...dates } });
  const chunks: Buffer[] = [];
  const ended = new Promise<void>((resolve, reject) => {
    document.on('data', (chunk: Buffer) => chunks.push(chunk));
    document.on('end', resolve);
    document.on('error', reject);
  });
  const { regular, bold } = fontFiles();
  document.registerFont('regular', regular);
  document.registerFont('bold', bold);
  svgToPdf(document, svg, 0, 0, {
    width: size[0],
    height: size[1],
    fontCallback: (_, isBold) => (isBold ? 'bold' : 'regular'),
    warningCallback: (message) => {
      throw new Error(`a figure can't be drawn as PDF: ${message}`);
    },
  });
  document.end();
  await ended;
  return Buffer.concat(chunks);
}
