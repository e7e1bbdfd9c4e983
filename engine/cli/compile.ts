import {
  accessSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Plugin } from 'esbuild';
import { sha256 } from '../../common/json.ts';

const { FOLDER, ROOT, identity } = createRequire(import.meta.url)('../../bin/compiled.js') as {
  FOLDER: string;
  ROOT: string;
  /** What tells a file, relative to the root, from what it was before. */
  identity(path: string): string;
};

/** Packages of plain JavaScript that most commands need; the others stay where they are. */
const INSIDE = ['zod', 'yaml', 'commander', 'p-limit', 'picomatch', 'fastest-levenshtein', 'hyparquet'];

/** What decides too what comes of it: a new stage is a new name in their folder. */
const ALSO = ['bin/compiled.js', 'engine/cli/compile.ts', 'stages'];

/** A file that changed so shortly before could change again without a new time. */
const RACY_MS = 2000;

/**
 * Compiles the program, with the stages that belong to it, into one file that bin/mis.js starts instead of the source. Where
 * that can't be kept, or the source was just changed, nothing is done: it only saves time.
 */
export async function compile(): Promise<void> {
  try {
    // Packages that several copies of the source share would get the program of one of them.
    if (lstatSync(join(ROOT, 'node_modules')).isSymbolicLink()) return;
    mkdirSync(FOLDER, { recursive: true });
    accessSync(FOLDER, constants.W_OK);
    const began = Date.now();
    const { program, map, inputs } = await built();
    const watching = [...new Set([...ALSO, ...inputs.flatMap(watched)])];
    const changed = watching.map((path) => statSync(join(ROOT, path)));
    if (changed.some(({ mtimeMs, ctimeMs }) => began - Math.max(mtimeMs, ctimeMs) < RACY_MS)) return;
    keep(program, map, Object.fromEntries(watching.map((path) => [path, identity(path)])));
  } catch {
    // Code that doesn't compile, or a folder that can't be written.
  }
}

async function built(): Promise<{ program: Uint8Array; map: Uint8Array; inputs: string[] }> {
  const { build } = await import('esbuild');
  const { outputFiles, metafile } = await build({
    stdin: { contents: entryText(), resolveDir: ROOT, loader: 'js' },
    bundle: true,
    write: false,
    outfile: join(ROOT, 'compiled.cjs'),
    sourcemap: 'external',
    sourcesContent: false,
    metafile: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    // Code that V8 kept can't import.
    supported: { 'dynamic-import': false },
    absWorkingDir: ROOT,
    logLevel: 'silent',
    banner: { js: '(function (exports, require, module) {' },
    footer: { js: '})' },
    plugins: [ownUrls, outside],
  });
  const [map, program] = outputFiles.map(({ contents }) => contents) as [Uint8Array, Uint8Array];
  return { program, map, inputs: Object.keys(metafile.inputs) };
}

/** The file that tells whether one is as it was: of a package that says which version it is. */
function watched(path: string): string[] {
  if (path === '<stdin>') return [];
  const [inPackage] = /^.*node_modules\/(@[^/]+\/)?[^/]+\//.exec(path) ?? [];
  return [inPackage === undefined ? path : `${inPackage}package.json`];
}

/** What is exported, and how stages are imported by their paths. */
function entryText(): string {
  const stages = readdirSync(join(ROOT, 'stages'))
    .map((name) => join(ROOT, 'stages', name, 'index.ts'))
    .filter((path) => existsSync(path))
    .map((path) => JSON.stringify(path));
  return `export { main } from './engine/cli/main.ts';
    import { provideStages } from './engine/spec/load-stage.ts';
    provideStages(new Map([${stages.map((path) => `[${path}, () => import(${path})]`).join(', ')}]));`;
}

/** Files beside a module are found from where its source lies. */
const ownUrls: Plugin = {
  name: 'own urls',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path }) => ({
      loader: 'ts',
      contents: readFileSync(path, 'utf8').replaceAll(
        'import.meta.url',
        JSON.stringify(pathToFileURL(path).href),
      ),
    }));
  },
};

const outside: Plugin = {
  name: 'outside',
  setup({ onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ path, importer }) => {
      const isOwn = !importer.includes(`${sep}node_modules${sep}`);
      return isOwn && !INSIDE.includes(path.split('/')[0]!) ? { path, external: true } : undefined;
    });
  },
};

function keep(program: Uint8Array, map: Uint8Array, files: Record<string, string>): void {
  const name = `program-${sha256(program).slice(0, 16)}.cjs`;
  const write = (to: string, content: string | Uint8Array) => {
    const via = join(FOLDER, `.${process.pid}-${to}`);
    writeFileSync(via, content);
    renameSync(via, join(FOLDER, to));
  };
  write(name, program);
  write(`${name}.map`, map);
  write('manifest.json', JSON.stringify({ node: process.version, root: ROOT, program: name, files }));
  for (const other of readdirSync(FOLDER))
    if (other.startsWith('program-') && !other.startsWith(name)) rmSync(join(FOLDER, other), { force: true });
}
