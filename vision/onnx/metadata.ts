import { type Preprocess, preprocessSchema } from '../images/preprocess-spec.ts';
import { readModel } from './model.ts';

/** What the scripts in tools/ write into a file about itself; absent where they didn't. */
export interface Metadata {
  readonly preprocess?: Preprocess;
  /** Where it is from, for people. */
  readonly source?: string;
  readonly accuracy?: { readonly top1: number; readonly data: string };
  /** For an encoder: which similarity its output is for, and the α that was fitted with it. */
  readonly similarity?: 'cosine' | 'squared-euclidean' | 'pairwise';
  readonly alpha?: number;
  readonly distance?: boolean;
}

/** Reads the entries `mis.…` of an ONNX file's metadata; what isn't of their form is left out. Errors as `readModel`. */
export async function readMetadata(file: string): Promise<Metadata> {
  const { proto } = await readModel(file);
  const found: Record<string, unknown> = {};
  for (const { key, value } of proto.metadataProps) {
    if (key.startsWith('mis.')) found[key.slice('mis.'.length)] = parsed(value);
  }
  const preprocess = preprocessSchema.safeParse(found.preprocess);
  const { source, accuracy, similarity, alpha, distance } = found as Partial<Metadata>;
  const isSimilarity = ['cosine', 'squared-euclidean', 'pairwise'].includes(similarity ?? '');
  return {
    ...(found.preprocess !== undefined && preprocess.success ? { preprocess: preprocess.data } : {}),
    ...(typeof source === 'string' ? { source } : {}),
    ...(typeof accuracy?.top1 === 'number' ? { accuracy } : {}),
    ...(similarity !== undefined && isSimilarity ? { similarity } : {}),
    ...(typeof alpha === 'number' ? { alpha } : {}),
    ...(typeof distance === 'boolean' ? { distance } : {}),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
