// Worker threads start here: Node 20 needs a loader for TypeScript, registered once for each thread.
import { register } from 'tsx/esm/api';

register();
await import('./worker.ts');
