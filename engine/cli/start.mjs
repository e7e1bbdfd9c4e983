// Starts the command line. The program is TypeScript and runs from its source: what is fingerprinted is what runs.
import { loadTypeScript } from '../../common/typescript.mjs';

// Packages that every command needs are loaded before the loader is there, which would look at each of their modules.
await Promise.all(
  ['zod', 'yaml', 'commander', 'p-limit', 'picomatch', 'fastest-levenshtein'].map((name) => import(name)),
);
await loadTypeScript();
const { main } = await import('./main.ts');
process.exitCode = await main(process.argv);
