import type { Spec } from './figure.ts';
import { fontFiles, textWidth } from './text-width.ts';

/** Pixels of the PNG a pixel of the SVG. */
export const PNG_SCALE = 2;

/**
 * Draws a Vega-Lite specification as SVG, without a browser. Text is measured with the bundled font's own widths, so
 * equal specifications give equal bytes on every machine. Vega is loaded here, on the first figure. Throws on a warning:
 * a specification that Vega-Lite repairs silently is a bug.
 */
export async function renderSvg(spec: Spec): Promise<string> {
  const [vega, vegaLite] = await Promise.all([import('vega'), import('vega-lite')]);
  measureWithBundledFont((vega as unknown as { textMetrics: TextMetrics }).textMetrics);
  const logger = strictLogger();
  const { spec: compiled } = vegaLite.compile(spec, { logger });
  vega.resetSVGDefIds();
  const view = new vega.View(vega.parse(compiled), { renderer: 'none', logger });
  try {
    return legalXml(await view.toSVG());
  } finally {
    view.finalize();
  }
}

/** Draws an SVG as PNG with the bundled fonts alone, at twice its size; equal bytes for equal SVG. */
export async function renderPng(svg: string): Promise<Buffer> {
  const { Resvg } = await import('@resvg/resvg-js');
  const { regular, bold } = fontFiles();
  const image = new Resvg(svg, {
    background: '#ffffff',
    fitTo: { mode: 'zoom', value: PNG_SCALE },
    font: { loadSystemFonts: false, fontFiles: [regular, bold], defaultFontFamily: 'DejaVu Sans Condensed' },
  });
  return image.render().asPng();
}

interface TextItem {
  readonly fontSize?: number;
  readonly fontWeight?: string | number;
  /** Pixels at which Vega cuts the text. */
  readonly limit?: number;
}

interface TextMetrics {
  width: (item: TextItem, text: string) => number;
}

/** Vega has one place for the measure in a process; setting it again changes nothing. */
function measureWithBundledFont(metrics: TextMetrics): void {
  const { regular, bold } = fontFiles();
  metrics.width = (item, text) => {
    const isBold = item.fontWeight === 'bold' || Number(item.fontWeight) >= 600;
    const width = textWidth(isBold ? bold : regular)(`${text ?? ''}`) * (item.fontSize ?? 11);
    return item.limit ? Math.min(width, item.limit) : width;
  };
}

function strictLogger() {
  const refuse = (...messages: readonly unknown[]): never => {
    throw new Error(`a figure's specification is not clean: ${messages.join(' ')}`);
  };
  const logger = {
    level: () => logger,
    error: refuse,
    warn: refuse,
    info: () => logger,
    debug: () => logger,
  };
  return logger as never;
}

// Names from models and data sets may hold characters that XML can't carry, not even escaped.
const ILLEGAL = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu;

function legalXml(svg: string): string {
  return svg.replace(ILLEGAL, '\ufffd');
}
