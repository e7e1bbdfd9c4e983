import { openStore, type Store } from '../../cache/store.ts';
import { type GraphOptions, storeFolder } from './context.ts';

/** Opens the store for a command that needs no graph; closes it after. */
export async function withStore<T>(
  options: Pick<GraphOptions, 'store'>,
  work: (store: Store) => Promise<T>,
): Promise<T> {
  const store = await openStore(storeFolder(options));
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

export const print = (line: string): void => void process.stdout.write(`${line}\n`);
