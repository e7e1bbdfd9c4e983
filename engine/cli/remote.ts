import { type Address, remoteOf, setRemote } from '../../cache/remote/address.ts';
import { openRemote, type Remote } from '../../cache/remote/remote.ts';
import { openStore, type Store } from '../../cache/store.ts';
import { UserError } from '../../common/errors.ts';
import { byteCount } from '../ui/format.ts';
import { type GraphOptions, storeFolder } from './context.ts';

/** `mis remote [PLACE]`: shows or sets where the store's results are shared. */
export async function remote(place: string | undefined, options: GraphOptions): Promise<number> {
  const store = await openStore(storeFolder(options));
  try {
    const address = place === undefined ? remoteOf(store.dir) : await setRemote(store.dir, place);
    process.stdout.write(`${shown(address)}\n`);
    return 0;
  } finally {
    await store.close();
  }
}

const shown = (address: Address | undefined): string =>
  address ? address.name : 'No remote. Set one with "mis remote PLACE", or MIS_REMOTE in the environment.';

/** Opens the store and its remote for a command that moves things between the two; closes both. */
export async function withRemote<T>(
  options: GraphOptions,
  work: (store: Store, remote: Remote) => Promise<T>,
): Promise<T> {
  const store = await openStore(storeFolder(options));
  try {
    const address = remoteOf(store.dir);
    if (!address)
      throw new UserError(
        'No remote is set. Say where results are shared: mis remote PLACE (a folder, https://HOST/PATH or s3://BUCKET/PREFIX).',
      );
    const opened = await openRemote(address);
    try {
      return await work(store, opened);
    } finally {
      await opened.close();
    }
  } finally {
    await store.close();
  }
}

interface Count {
  readonly files: number;
  readonly bytes: number;
}

/** Shows on a terminal how far it has come, on one line that goes away. */
export function progressLine(verb: string) {
  const { stderr } = process;
  let told = 0;
  return {
    show(done: Count, total: Count) {
      if (!stderr.isTTY || Date.now() - told < 100) return;
      told = Date.now();
      const files = `${done.files}/${total.files} files`;
      stderr.write(`\r\u001b[K${verb} ${files}, ${byteCount(done.bytes)} of ${byteCount(total.bytes)}`);
    },
    end() {
      if (told > 0) stderr.write('\r\u001b[K');
    },
  };
}
