// Runs the command line from its source, which is TypeScript.
import { loadTypeScript } from '../../common/typescript.mjs';

/** `compile`: so that the next command starts faster. */
export async function start(compile) {
  // Packages that every command needs are loaded before the loader is there, which would look at each of their modules.
  await Promise.all(
    ['zod', 'yaml', 'commander', 'p-limit', 'picomatch', 'fastest-levenshtein'].map((name) => import(name)),
  );
  await loadTypeScript();
  const { main } = await import('./main.ts');
  process.exitCode = await main(process.argv);
  if (compile) await (await import('./compile.ts')).compile();
}
