/** The parts of parquetjs-lite 0.8.7 that `parquet.ts` and `parquet-read.ts` stand on (the package has no types of its own). */
declare module 'parquetjs-lite' {
  export interface FieldDefinition {
    type?: string;
    optional?: boolean;
    repeated?: boolean;
    compression?: string;
    statistics?: boolean;
    fields?: Record<string, FieldDefinition>;
  }

  export interface Field {
    readonly name: string;
    readonly path: readonly string[];
    readonly isNested?: boolean;
    readonly rLevelMax: number;
    readonly dLevelMax: number;
    readonly originalType?: string;
  }

  export class ParquetSchema {
    constructor(fields: Record<string, FieldDefinition>);
    readonly fieldList: readonly Field[];
  }

  /** Values of a column in a row group: those that aren't null, close together, and for every row whether it is. */
  export interface ColumnData {
    readonly values: readonly (Buffer | number | bigint | boolean)[];
    readonly dlevels: readonly number[];
  }

  export class ParquetReader {
    static openFile(path: string): Promise<ParquetReader>;
    readonly metadata: { readonly row_groups: readonly object[] };
    readonly schema: ParquetSchema;
    readonly envelopeReader: {
      readRowGroup(
        schema: ParquetSchema,
        rowGroup: object,
        columns: readonly (readonly string[])[],
      ): Promise<{ rowCount: number; columnData: Record<string, ColumnData> }>;
    };
    close(): Promise<void>;
  }

  /** A data page that is already encoded: its header and its body as one buffer. */
  export interface EncodedPage {
    page: Buffer;
    first_row_index: number;
    num_values: number;
    distinct_values: Set<never>;
  }

  export interface RowGroupMetadata {
    columns: { meta_data: { total_uncompressed_size: number } }[];
    total_byte_size: number;
  }

  export class ParquetEnvelopeWriter {
    constructor(
      schema: ParquetSchema,
      write: (bytes: Buffer) => void,
      close: () => void,
      offset: number,
      options: { pageIndex?: boolean },
    );
    readonly rowGroups: RowGroupMetadata[];
    writeHeader(): void;
    writeRowGroup(records: { rowCount: number; pages: Record<string, EncodedPage[]> }): void;
    writeFooter(metadata: Record<string, string>): void;
  }
}

declare module 'parquetjs-lite/lib/util.js' {
  export function serializeThrift(value: object): Buffer;
}

declare module 'parquetjs-lite/lib/compression.js' {
  export function deflate(method: string, bytes: Buffer): Buffer;
}

declare module 'parquetjs-lite/gen-nodejs/parquet_types.js' {
  export const Encoding: Readonly<Record<'PLAIN' | 'RLE', number>>;
  export const PageType: Readonly<Record<'DATA_PAGE', number>>;
  export class PageHeader {
    type: number;
    uncompressed_page_size: number;
    compressed_page_size: number;
    data_page_header: DataPageHeader;
  }
  export class DataPageHeader {
    num_values: number;
    encoding: number;
    definition_level_encoding: number;
    repetition_level_encoding: number;
  }
}
