import { packageVersion } from '../common/package-version.ts';

const DRAWS = ['vega', 'vega-lite', '@resvg/resvg-js', 'pdfkit', 'svg-to-pdfkit'];

/** Versions that the bytes of figures depend on. */
export function drawingVersions(): Record<string, string> {
  const fonts = packageVersion('dejavu-fonts-ttf', 'dejavu-fonts-ttf/ttf/DejaVuSansCondensed.ttf');
  return {
    ...Object.fromEntries(DRAWS.map((name) => [name, packageVersion(name)])),
    'dejavu-fonts-ttf': fonts,
  };
}
