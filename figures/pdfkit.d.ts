/** The parts of pdfkit 0.20.2 that `pdf.ts` stands on (the package's own types don't cover its entry). */
declare module 'pdfkit' {
  import type { Readable } from 'node:stream';

  export interface DocumentOptions {
    /** Width and height of the page in points. */
    size: [number, number];
    margin: number;
    info: Readonly<Record<string, string | Date>>;
  }

  export default class PDFDocument extends Readable {
    constructor(options: DocumentOptions);
    registerFont(name: string, file: string): this;
    end(): void;
  }
}
