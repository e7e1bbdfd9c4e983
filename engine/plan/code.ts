import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, relative, resolve, sep } from 'node:path';
import type { Store } from '../../cache/store.ts';
import { UserError } from '../../common/errors.ts';
import { canonicalJson, sha256 } from '../../common/json.ts';

/** The code that a stage's result depends on. */
export interface Code {
  /** Digest of the whole closure. */
  readonly digest: string;
  /** Digest of each file of it, by path relative to the pipeline's folder. */
  readonly files: Readonly<Record<string, string>>;
}

/** What a file does, and which files of this project it leads to (as it names them). */
type Parsed = { readonly digest: string; readonly imports: readonly string[] };

/**
 * Reads the code closure of stages: a file, and what it imports from this project (also dynamically, and files named as
 * `new URL('./x', import.meta.url)`). TypeScript is reduced to JavaScript without types, comments or white space before
 * it is hashed, so that only a change of what the code does counts; the store remembers the result by the file's bytes.
 * Packages are not followed: a stage declares the versions that matter as its environment.
 *
 * UserError: a file can't be parsed, one that is imported isn't there, or an import's name is made up at run time.
 *
 * @param root folder that names in {@link Code.files} are relative to
 */
export function codeReader(root: string, store: Store): (entry: string) => Promise<Code> {
  const parsed = new Map<string, Promise<Parsed>>();
  const nameOf = (path: string) => relative(root, path).split(sep).join('/');
  const parse = (path: string, from: string): Promise<Parsed> => {
    let result = parsed.get(path);
    if (!result) {
      result = parseFile(path, nameOf(path), from, store);
      parsed.set(path, result);
    }
    return result;
  };
  return async (entry) => {
    const files: Record<string, string> = {};
    const visit = async (path: string, from: string): Promise<void> => {
      const name = nameOf(path);
      if (name in files) return;
      files[name] = '';
      const file = await parse(path, from);
      files[name] = file.digest;
      await Promise.all(file.imports.map((imported) => visit(resolve(dirname(path), imported), name)));
    };
    await visit(entry, 'the pipeline');
    return { digest: sha256(canonicalJson(files)), files };
  };
}

/** Raised when {@link reduce} changes, so that what an older version remembered doesn't count. */
const REDUCTION = 1;
const { version: ESBUILD } = createRequire(import.meta.url)('esbuild/package.json') as { version: string };

async function parseFile(path: string, name: string, from: string, store: Store): Promise<Parsed> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new UserError(
      `${name}: can't be read (${error.code}), but ${from} imports it. Bring it there, or remove the import.`,
    );
  });
  const digest = sha256(bytes);
  const kind = /\.[cm]?([jt])s$/.exec(path)?.[1];
  if (!kind) return { digest, imports: [] };
  const memo = store.memo<Parsed>('code');
  const key = `${REDUCTION} ${ESBUILD} ${kind}s ${digest}`;
  const known = memo.get(key);
  if (known) return known;
  const fresh = await reduce(bytes.toString('utf8'), kind === 't' ? 'ts' : 'js', name);
  memo.set(key, fresh);
  return fresh;
}

/** In code without white space. */
const REQUIRED = /\brequire\((["'`])(\.{1,2}\/[^"'`]+)\1\)/g;
const MADE_UP = /new URL\((?!["'][^"']*["'],|`[^`$]*`,)[^()]*,import\.meta\.url\)/;
const BESIDE = /new URL\((["'`])(\.{1,2}\/[^"'`]+)\1,import\.meta\.url\)/g;

async function reduce(text: string, loader: 'ts' | 'js', name: string): Promise<Parsed> {
  const [{ transform }, lexer] = await Promise.all([import('esbuild'), import('es-module-lexer')]);
  await lexer.init;
  const { code } = await transform(text, {
    loader,
    minifyWhitespace: true,
    legalComments: 'none',
    charset: 'utf8',
    logLevel: 'silent',
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
  }).catch((error: Error & { errors?: EsbuildMessage[] }) => {
    throw error.errors?.[0] ? syntaxError(name, error.errors[0]) : error;
  });
  const named = lexer.parse(code)[0].flatMap((found) => {
    if (found.type === 'import-meta') return [];
    if (found.specifier !== undefined && !(found.type === 'dynamic' && found.glob)) return [found.specifier];
    throw untracked(name, code.slice(found.importStart, found.importEnd));
  });
  const madeUp = MADE_UP.exec(code);
  if (madeUp) throw untracked(name, madeUp[0]);
  const beside = [...code.matchAll(BESIDE), ...code.matchAll(REQUIRED)].map((found) => found[2]!);
  const local = [...named, ...beside].filter((each) => /^\.{1,2}\//.test(each));
  return { digest: sha256(code), imports: [...new Set(local)] };
}

const untracked = (name: string, shown: string): UserError =>
  new UserError(
    `${name}: in ${shown.slice(0, 80)} the name is made up when the code runs, so the fingerprint can't follow it to the code that counts. Write it as a plain text, one for each case.`,
  );

interface EsbuildMessage {
  readonly text: string;
  readonly location: { line: number; column: number; lineText: string } | null;
}

function syntaxError(name: string, { text, location }: EsbuildMessage): UserError {
  if (!location) return new UserError(`${name}: ${text}`);
  const { line, column, lineText } = location;
  const margin = ' '.repeat(String(line).length);
  return new UserError(
    `${name}:${line}:${column + 1}: ${text}\n  ${line} | ${lineText}\n  ${margin} | ${' '.repeat(column)}^`,
  );
}
