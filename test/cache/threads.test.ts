import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { afterwards, newStore } from './support.ts';

describe('a worker thread that opens the store', () => {
  it('is present on its own, and cleared up after by its main thread', async () => {
    const store = await newStore();
    await store.workspace();
    const code = `
      const { parentPort, workerData } = require('node:worker_threads');
      (async () => {
        (await import(workerData.tsx)).register();
        const { openStore } = await import(workerData.store);
        parentPort.postMessage((await (await openStore(workerData.dir)).workspace()).dir);
        setInterval(() => undefined, 1000);
      })();`;
    const module = new URL('../../cache/store.ts', import.meta.url).href;
    const tsx = import.meta.resolve('tsx/esm/api');
    const worker = new Worker(code, { eval: true, workerData: { dir: store.dir, store: module, tsx } });
    afterwards(() => worker.terminate());
    const [path] = (await once(worker, 'message')) as [string];
    expect(path.startsWith(join(store.dir, 'tmp'))).toBe(true);
    expect(await readdir(join(store.dir, 'tmp'))).toHaveLength(2);
    await worker.terminate();
    const other = await newStore(store.dir);
    await other.workspace();
    await store.close();
    expect(await readdir(join(store.dir, 'tmp'))).toHaveLength(1);
  });
});
