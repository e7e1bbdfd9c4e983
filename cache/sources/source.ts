import { UserError } from '../../common/errors.ts';

/** A file that lies elsewhere, as a config names it. */
export type Source = HubSource | WebSource | NpmSource;

/**
 * `hf://ORG/NAME[@REVISION]/PATH`: a file of a model repository of the Hugging Face hub; `hf://datasets/ORG/NAME[@REVISION]/PATH`
 * of a repository of data.
 */
export interface HubSource {
  readonly kind: 'hf';
  /** Left out for a repository of a model. */
  readonly type?: 'dataset';
  /** `ORG/NAME`. */
  readonly repository: string;
  /** Branch, tag or commit. */
  readonly revision: string;
  readonly path: string;
}

/** `https://HOST/PATH#sha256=HEX`. */
export interface WebSource {
  readonly kind: 'https';
  /** Without the fragment. */
  readonly url: string;
  readonly sha256: string | undefined;
}

/** `npm:PACKAGE@VERSION/PATH`: a file of a package, by its path in the package. */
export interface NpmSource {
  readonly kind: 'npm';
  readonly name: string;
  readonly version: string;
  readonly path: string;
}

/** True for a full commit id: it always stands for the same files. */
export const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision);

/** True for a text that starts as a source does. */
export const isElsewhere = (text: string): boolean => /^(hf:\/\/|https?:\/\/|npm:)/.test(text);

/**
 * What a text says about where a file lies; undefined for a path on this machine. Throws a UserError for a text that
 * starts like a source and is none.
 */
export function parseSource(text: string): Source | undefined {
  if (text.startsWith('hf://')) return hub(text);
  if (/^https?:\/\//.test(text)) return web(text);
  if (text.startsWith('npm:')) return npm(text);
  return undefined;
}

/** The text that stands for a source; reads back the same. */
export function sourceText(source: Source): string {
  if (source.kind === 'hf') {
    const { type, repository, revision, path } = source;
    return `hf://${type ? 'datasets/' : ''}${repository}${revision === 'main' ? '' : `@${encodeURIComponent(revision)}`}/${path}`;
  }
  if (source.kind === 'npm') return `npm:${source.name}@${source.version}/${source.path}`;
  return source.url + (source.sha256 === undefined ? '' : `#sha256=${source.sha256}`);
}

function hub(text: string): HubSource {
  const [, datasets, repository, revision = 'main', path] =
    /^hf:\/\/(?:(datasets)\/|(?!datasets\/))([\w.-]+\/[\w.-]+)(?:@([^/@]+))?\/(.+)$/.exec(text) ?? [];
  if (repository === undefined || path === undefined || leaves(path)) {
    throw new UserError(
      `"${text}" doesn't name a file of the Hugging Face hub. It is written hf://ORG/NAME/PATH, or hf://ORG/NAME@REVISION/PATH (a "/" in the revision as %2F), with the path in the repository, such as hf://onnx-community/dinov2-small/onnx/model.onnx; a file of a data set hf://datasets/ORG/NAME/PATH.`,
    );
  }
  const type = datasets === undefined ? {} : { type: 'dataset' as const };
  return { kind: 'hf', ...type, repository, revision: decodeURIComponent(revision), path };
}

function web(text: string): WebSource {
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  const fragment = parsed?.hash.slice(1) ?? '';
  const sha256 = /^sha256=([0-9a-fA-F]{64})$/.exec(fragment)?.[1]?.toLowerCase();
  if (!parsed || (fragment !== '' && sha256 === undefined)) {
    throw new UserError(
      `"${text}" isn't a web address with a digest. It is written https://HOST/PATH#sha256=DIGEST, with the 64 hexadecimal digits that \`sha256sum\` prints for the file.`,
    );
  }
  parsed.hash = '';
  return { kind: 'https', url: parsed.href, sha256 };
}

function npm(text: string): NpmSource {
  const [, name, version, path] =
    /^npm:((?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*)@([0-9A-Za-z.+-]+)\/(.+)$/i.exec(text) ??
    [];
  if (name === undefined || version === undefined || path === undefined || leaves(path)) {
    throw new UserError(
      `"${text}" doesn't name a file of an npm package. It is written npm:PACKAGE@VERSION/PATH, with an exact version and the path in the package, such as npm:@scope/models@1.2.3/dist/net.onnx.`,
    );
  }
  return { kind: 'npm', name, version, path };
}

/** True for a path that leads out of the folder that it is meant in. */
const leaves = (path: string): boolean =>
  path.includes('\\') || path.split('/').some((part) => part === '' || part === '.' || part === '..');
