// Threads that decode start here: Node 20 needs a loader for TypeScript, registered once for each thread.
import { loadTypeScript } from '../../common/typescript.mjs';

// Before the loader, whose thread is asked for every module that comes after: zod alone has a hundred.
await Promise.all([import('zod'), import('sharp'), import('p-limit')]);
await loadTypeScript();
await import('./decoder.ts');
