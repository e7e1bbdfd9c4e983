import { type FileHandle, open } from 'node:fs/promises';
import { type FileMetaData, parquetMetadataAsync, type SchemaTree } from 'hyparquet';
import { getSchemaPath } from 'hyparquet/src/schema.js';
import { UserError } from '../../../common/errors.ts';
import { shownPath } from '../names.ts';

/** A Parquet file that is open for reading at random. */
export interface ParquetFile {
  readonly path: string;
  readonly size: number;
  readonly metadata: FileMetaData;
  /** Bytes at a position; throws a UserError where the file ends before. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  close(): Promise<void>;
}

/** Opens a Parquet file and reads its footer. Throws a UserError when it can't be opened or is no Parquet file. */
export async function openParquet(path: string): Promise<ParquetFile> {
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    throw new UserError(`The Parquet file ${shownPath(path)} can't be opened (${error.code}).`);
  });
  try {
    const { size } = await handle.stat();
    const read = (offset: number, length: number) => readAt(handle, path, offset, length);
    const metadata = await footer(path, size, read);
    return { path, size, metadata, read, close: () => handle.close() };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function readAt(handle: FileHandle, path: string, offset: number, length: number) {
  const buffer = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(buffer, done, length - done, offset + done);
    if (bytesRead === 0) throw damaged(path, `it ends within the ${length} bytes at ${offset}`);
    done += bytesRead;
  }
  return buffer;
}

async function footer(path: string, size: number, read: ParquetFile['read']): Promise<FileMetaData> {
  if (size < 12) throw damaged(path, `it has ${size} bytes`);
  const slice = async (start: number, end = size) => (await read(start, end - start)).buffer;
  try {
    return await parquetMetadataAsync({ byteLength: size, slice });
  } catch (error) {
    throw error instanceof UserError ? error : damaged(path, 'its footer can not be read');
  }
}

/** The error for a Parquet file that isn't what its footer says, or whose footer can't be read. */
export function damaged(path: string, why: string): UserError {
  return new UserError(
    `The Parquet file ${shownPath(path)} is damaged, or none: ${why}. Copy it again, or take it out of the data set.`,
  );
}

/** A column of values that aren't nested in lists: its parts from the root of the schema down. */
export interface Leaf {
  /** Names from the top: `['image', 'bytes']`. */
  readonly path: readonly string[];
  readonly schemaPath: SchemaTree[];
}

/** The column at a path of names; undefined when there is none, it has parts of its own, or lies in a list. */
export function leafAt({ metadata }: ParquetFile, path: readonly string[]): Leaf | undefined {
  let schemaPath: SchemaTree[];
  try {
    schemaPath = getSchemaPath(metadata.schema, [...path]);
  } catch {
    return undefined;
  }
  const nested = schemaPath.some(({ element }) => element.repetition_type === 'REPEATED');
  return nested || schemaPath.at(-1)!.children.length > 0 ? undefined : { path, schemaPath };
}

/** Physical type of a column: `BYTE_ARRAY`, `INT64`, … */
export const typeOf = (leaf: Leaf): string | undefined => leaf.schemaPath.at(-1)!.element.type;
