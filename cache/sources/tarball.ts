import { createReadStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';

const BLOCK = 512;

/**
 * Writes one file of a package's tarball (gzip, ustar with pax headers, as npm packs it) to `target`. Paths are those in the
 * package: the folder that all files of a package stand in doesn't count. Gives false when it isn't there. The bytes before it
 * are read and dropped, so memory stays small.
 */
export async function extractFile(archive: string, path: string, target: string): Promise<boolean> {
  const out = await open(target, 'w');
  let found = false;
  try {
    await pipeline(createReadStream(archive), createGunzip(), async (chunks: AsyncIterable<Buffer>) => {
      for await (const { name, bytes } of entries(chunks)) {
        if (name.split('/').slice(1).join('/') !== path) continue;
        found = true;
        await out.write(bytes);
      }
    });
    await out.sync();
  } finally {
    await out.close();
    if (!found) await rm(target, { force: true });
  }
  return found;
}

/** Pieces of the regular files of a tar, in order. */
async function* entries(chunks: AsyncIterable<Buffer>): AsyncGenerator<{ name: string; bytes: Buffer }> {
  let waiting: Buffer = Buffer.alloc(0);
  let entry: { name: string; kind: string; left: number; padding: number } | undefined;
  let long: string | undefined;
  const extended: Buffer[] = [];
  for await (const chunk of chunks) {
    waiting = waiting.length === 0 ? chunk : Buffer.concat([waiting, chunk]);
    for (;;) {
      if (!entry) {
        if (waiting.length < BLOCK) break;
        entry = header(waiting.subarray(0, BLOCK), long);
        waiting = waiting.subarray(BLOCK);
        if (entry.kind === '0') {
          long = undefined;
          if (entry.left === 0) yield { name: entry.name, bytes: Buffer.alloc(0) };
        }
        extended.length = 0;
      }
      const bytes = waiting.subarray(0, entry.left);
      waiting = waiting.subarray(bytes.length);
      entry.left -= bytes.length;
      if (bytes.length > 0 && entry.kind === '0') yield { name: entry.name, bytes };
      if (bytes.length > 0 && entry.kind !== '0') extended.push(bytes);
      if (entry.left > 0 || waiting.length < entry.padding) break;
      waiting = waiting.subarray(entry.padding);
      const text = Buffer.concat(extended).toString('utf8');
      if (entry.kind === 'x') long = /\d+ path=(.*)\n/.exec(text)?.[1];
      if (entry.kind === 'L') long = text.replace(/\0.*$/s, '');
      entry = undefined;
    }
  }
}

function header(block: Buffer, long: string | undefined) {
  const field = (start: number, length: number) =>
    block.toString('utf8', start, start + length).replace(/\0.*$/s, '');
  const size = Number.parseInt(field(124, 12).trim(), 8) || 0;
  const prefix = field(257, 5) === 'ustar' ? field(345, 155) : '';
  const name = long ?? (prefix ? `${prefix}/${field(0, 100)}` : field(0, 100));
  const kind = field(156, 1) || '0';
  return { name, kind, left: size, padding: (BLOCK - (size % BLOCK)) % BLOCK };
}
