/** The parts of svg-to-pdfkit 0.1.8 that `pdf.ts` stands on (the package has no types of its own). */
declare module 'svg-to-pdfkit' {
  export interface SvgOptions {
    /** Size in points of the place that the SVG is fitted into. */
    width: number;
    height: number;
    /** Name of the registered font for a text of the SVG. */
    fontCallback: (family: string, bold: boolean, italic: boolean) => string;
    /** Told of what it can't draw. */
    warningCallback: (message: string) => void;
  }
  export default function svgToPdf(
    document: unknown,
    svg: string,
    x: number,
    y: number,
    options: SvgOptions,
  ): void;
}
