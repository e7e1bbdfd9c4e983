import { readFile } from 'node:fs/promises';
import { dirname, relative, resolve, sep } from 'node:path';
import { canonicalJson, sha256 } from '../../common/json.ts';

/** The code that a stage's result depends on. */
export interface Code {
  /** Digest of the whole closure. */
  readonly digest: string;
  /** Digest of each file of it, by path relative to the pipeline's folder. */
  readonly files: Readonly<Record<string, string>>;
}

interface Parsed {
  readonly digest: string;
  readonly imports: readonly string[];
}

/**
 * Reads the code closure of stages: a file, and what it imports from this project (also dynamically, and files named as
 * `new URL('./x', import.meta.url)`). TypeScript is reduced to JavaScript without types, comments or white space before
 * it is hashed, so that only a change of what the code does counts. Packages are not followed: a stage declares the
 * versions that matter as its environment.
 *
 * @param root folder that names in {@link Code.files} are relative to
 */
export function codeReader(root: string): (entry: string) => Promise<Code> {
  const parsed = new Map<string, Promise<Parsed>>();
  const parse = (path: string): Promise<Parsed> => {
    let result = parsed.get(path);
    if (!result) {
      result = parseFile(path);
      parsed.set(path, result);
    }
    return result;
  };
  return async (entry) => {
    const files: Record<string, string> = {};
    const visit = async (path: string): Promise<void> => {
      const name = relative(root, path).split(sep).join('/');
      if (name in files) return;
      files[name] = '';
      const file = await parse(path);
      files[name] = file.digest;
      await Promise.all(file.imports.map(visit));
    };
    await visit(entry);
    return { digest: sha256(canonicalJson(files)), files };
  };
}

const BESIDE = /new URL\(\s*(["'`])(\.{1,2}\/[^"'`]+)\1\s*,\s*import\.meta\.url\s*\)/g;

async function parseFile(path: string): Promise<Parsed> {
  const bytes = await readFile(path);
  if (!/\.[cm]?[jt]s$/.test(path)) return { digest: sha256(bytes), imports: [] };
  const [{ transform }, lexer] = await Promise.all([import('esbuild'), import('es-module-lexer')]);
  await lexer.init;
  const { code } = await transform(bytes.toString('utf8'), {
    loader: path.endsWith('ts') ? 'ts' : 'js',
    minifyWhitespace: true,
    legalComments: 'none',
    charset: 'utf8',
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
  });
  const specifiers: (string | null | undefined)[] = [
    ...lexer.parse(code)[0].map((found) => found.specifier),
    ...[...code.matchAll(BESIDE)].map((found) => found[2]),
  ];
  const local = specifiers.filter(
    (name): name is string => typeof name === 'string' && /^\.{1,2}\//.test(name),
  );
  return { digest: sha256(code), imports: [...new Set(local)].map((name) => resolve(dirname(path), name)) };
}
