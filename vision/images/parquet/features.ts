import { UserError } from '../../../common/errors.ts';
import { shownPath } from '../names.ts';
import { type Leaf, leafAt, type ParquetFile, typeOf } from './file.ts';

/** Names of columns, where they can't be told from the file. */
export interface ColumnNames {
  readonly image?: string | undefined;
  readonly label?: string | undefined;
}

/** Columns of a Parquet file of images. */
export interface ImageColumns {
  /** Encoded images. */
  readonly bytes: Leaf;
  /** File names that the images had. */
  readonly path: Leaf | undefined;
  readonly label: Leaf | undefined;
  /** Names of the classes that the label's numbers stand for. */
  readonly names: readonly string[] | undefined;
}

/** What Hugging Face's metadata say of a column: `Image`, `ClassLabel` with its `names`, … */
interface Feature {
  readonly _type?: unknown;
  readonly names?: unknown;
}

/**
 * The columns of a Parquet file that holds images, as Hugging Face's `datasets` writes them (`image: {bytes, path}`, `label`
 * with the names of the classes in the file's metadata) or as plain bytes. Undefined when it holds no images: then it may
 * be a list of paths. Throws a UserError when a column that was named isn't there.
 */
export function imageColumns(file: ParquetFile, given: ColumnNames): ImageColumns | undefined {
  const features = featuresOf(file);
  const top = topColumns(file);
  const image = given.image ?? findImage(file, top, features);
  if (image === undefined) return undefined;
  const inner = leafAt(file, [image, 'bytes']);
  const plain = leafAt(file, [image]);
  const bytes = inner ?? plain;
  if (!top.includes(image)) throw noColumn(file, image, top);
  if (!bytes || typeOf(bytes) !== 'BYTE_ARRAY' || isText(bytes)) return undefined;
  const name = given.label ?? findLabel(top, features);
  if (given.label !== undefined && !top.includes(given.label)) throw noColumn(file, given.label, top);
  return {
    bytes,
    path: inner && leafAt(file, [image, 'path']),
    label: name === undefined ? undefined : leafAt(file, [name]),
    names: name === undefined ? undefined : classNames(features.get(name)),
  };
}

/** Names of the columns at the top of the schema. */
export function topColumns({ metadata }: ParquetFile): string[] {
  const names = new Set<string>();
  for (const { meta_data: meta } of metadata.row_groups[0]?.columns ?? []) {
    if (meta?.path_in_schema[0] !== undefined) names.add(meta.path_in_schema[0]);
  }
  return [...names];
}

/** Whether a column of bytes is said to be text. */
export function isText(leaf: Leaf): boolean {
  const { converted_type: converted, logical_type: logical } = leaf.schemaPath.at(-1)!.element;
  return converted === 'UTF8' || logical?.type === 'STRING';
}

function findImage(file: ParquetFile, top: readonly string[], features: ReadonlyMap<string, Feature>) {
  const said = [...features].find(([name, feature]) => feature._type === 'Image' && top.includes(name));
  if (said) return said[0];
  const holdsBytes = (path: readonly string[]) => {
    const leaf = leafAt(file, path);
    return leaf !== undefined && typeOf(leaf) === 'BYTE_ARRAY' && !isText(leaf);
  };
  return (
    top.find((name) => holdsBytes([name, 'bytes'])) ??
    IMAGE_NAMES.find((name) => top.includes(name) && holdsBytes([name]))
  );
}

function findLabel(top: readonly string[], features: ReadonlyMap<string, Feature>): string | undefined {
  const classes = [...features].filter(([name, { _type }]) => _type === 'ClassLabel' && top.includes(name));
  const named = LABEL_NAMES.find((name) => top.includes(name));
  return classes.some(([name]) => name === named) ? named : (classes[0]?.[0] ?? named);
}

export const IMAGE_NAMES = ['image', 'img', 'bytes', 'jpg', 'png', 'webp', 'image_bytes', 'data'];
export const LABEL_NAMES = [
  'label',
  'labels',
  'class',
  'cls',
  'fine_label',
  'target',
  'synset',
  'wnid',
  'category',
];

/** The features that Hugging Face's `datasets` writes into the file's metadata, by column. */
function featuresOf({ metadata }: ParquetFile): Map<string, Feature> {
  const text = metadata.key_value_metadata?.find(({ key }) => key === 'huggingface')?.value;
  try {
    const features = (JSON.parse(text ?? '{}') as { info?: { features?: object } }).info?.features ?? {};
    return new Map(
      Object.entries(features).filter(([, feature]) => typeof feature === 'object' && feature !== null),
    );
  } catch {
    return new Map();
  }
}

/** Names of a ClassLabel. Where two are the same (ImageNet has two cranes), their number is added. */
function classNames(feature: Feature | undefined): string[] | undefined {
  if (feature?._type !== 'ClassLabel' || !Array.isArray(feature.names) || feature.names.length === 0) {
    return undefined;
  }
  const names = feature.names.map(String);
  const twice = new Set(names.filter((name, i) => names.indexOf(name) !== i));
  return names.map((name, i) => (twice.has(name) ? `${name} (${i})` : name));
}

function noColumn({ path }: ParquetFile, name: string, top: readonly string[]): UserError {
  return new UserError(
    `The Parquet file ${shownPath(path)} has no column "${name}"; it has ${top.map((each) => `"${each}"`).join(', ')}. Correct \`dataset.columns\`.`,
  );
}
