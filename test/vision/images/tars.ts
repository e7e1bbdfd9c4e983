import { writeFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import tar from 'tar-stream';

/** What tar-stream takes as a header; only the name is needed. */
export type MemberHeader = Partial<tar.Header> & { readonly name: string };

/** A tar of members, given by their headers (or only names) and contents, as tar-stream packs it. */
export async function pack(
  members: readonly (readonly [header: string | MemberHeader, content: string | Buffer])[],
): Promise<Buffer> {
  const packed = tar.pack();
  const done = buffer(packed);
  for (const [header, content] of members) {
    packed.entry(typeof header === 'string' ? { name: header } : header, content as Buffer);
  }
  packed.finalize();
  return done;
}

export async function writeTar(
  path: string,
  members: readonly (readonly [header: string | MemberHeader, content: string | Buffer])[],
): Promise<string> {
  await writeFile(path, await pack(members));
  return path;
}

/** A header block of one's own making, with a valid checksum. `size`: text of the 12-byte field, or the field itself. */
export function headerBlock(
  name: string,
  size: string | Buffer,
  type = '0',
  magic = 'ustar\0' + '00',
): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0, 100, 'utf8');
  block.write('0000644\0', 100);
  block.write('0000000\0', 108);
  block.write('0000000\0', 116);
  if (typeof size === 'string') block.write(size, 124, 12, 'latin1');
  else size.copy(block, 124);
  block.write('00000000000\0', 136);
  block.write('        ', 148);
  block.write(type, 156);
  block.write(magic, 257, 8, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

export const END = Buffer.alloc(1024);

/** Content filled up to whole blocks. */
export function padded(content: string): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}
