import { packageVersion } from '../../common/package-version.ts';

const DRAWS = ['sharp', 'vega', 'vega-lite', '@resvg/resvg-js'];

/** Versions that the bytes of figures and pictures depend on. */
export function drawingVersions(): Record<string, string> {
  const fonts = packageVersion('dejavu-fonts-ttf', 'dejavu-fonts-ttf/ttf/DejaVuSansCondensed.ttf');
  return {
    ...Object.fromEntries(DRAWS.map((name) => [name, packageVersion(name)])),
    'dejavu-fonts-ttf': fonts,
  };
}
