import { type FileHandle, open } from 'node:fs/promises';
import { UserError } from '../../../common/errors.ts';
import { shownPath } from '../names.ts';
import { BLOCK, type Header, parseHeader, parsePax, untilZero } from './tar-header.ts';

/** A regular file in a tar: its name (no `./`, `//`, `..`) and where its bytes lie. */
export interface Member {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  /** The member's bytes. Valid until the scan goes on. */
  read(): Promise<Buffer>;
}

/**
 * Lists the regular files of an uncompressed tar (v7, ustar, pax, GNU) without reading their contents. Throws a
 * UserError that names the tar, and the member where there is one, when the tar is compressed, damaged or cut short,
 * and when a member's name is absolute or climbs out with `..`, or a member is a link, a device or a sparse file.
 */
export async function* scanTar(file: string): AsyncGenerator<Member, void, undefined> {
  const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    throw new UserError(`The tar ${shownPath(file)} can't be opened (${error.code}).`);
  });
  try {
    const { size } = await handle.stat();
    yield* scan(file, windowOf(handle, size));
  } finally {
    await handle.close();
  }
}

async function* scan(file: string, input: Input): AsyncGenerator<Member, void, undefined> {
  const pending: Pending = { global: new Map(), next: new Map() };
  let at = 0;
  for (;;) {
    const block = await input.read(at, BLOCK);
    if (at === 0) refuseOtherFormats(file, block);
    if (block.length < BLOCK) throw cutShort(file, at);
    if (isZero(block)) return checkEnd(file, input, at);
    const found = parseHeader(block);
    if (!found) {
      throw new UserError(
        `${shownPath(file)} is ${at === 0 ? 'not a tar file' : `damaged: at byte ${at} there should be a member's header`}. Make it anew, or take it out of the data set.`,
      );
    }
    const offset = at + BLOCK;
    const header = withPending(file, found, pending);
    const end = offset + Math.ceil(header.size / BLOCK) * BLOCK;
    if (offset + header.size > input.size) throw cutShort(file, at, header.name);
    if (await describesNext(file, found, pending, () => input.read(offset, found.size))) {
      at = end;
      continue;
    }
    const name = checkedName(file, header.name);
    refuseOddTypes(file, header);
    if (header.type === 'file') {
      yield { name, offset, size: header.size, read: () => input.read(offset, header.size) };
    }
    pending.next.clear();
    at = end;
  }
}

/** What preceding headers say about the next member (`next`) or all that follow (`global`): pax keys → values. */
interface Pending {
  readonly global: Map<string, string>;
  readonly next: Map<string, string>;
}

/** The header with the name and size that pax or GNU headers gave it. Headers that describe others are left alone. */
function withPending(file: string, header: Header, { global, next }: Pending): Header {
  if (header.type.startsWith('pax') || header.type === 'long-name' || header.type === 'skip') return header;
  const name = next.get('path') ?? global.get('path') ?? header.name;
  const stated = next.get('size') ?? global.get('size');
  const size = stated === undefined ? header.size : Number(stated);
  if (!Number.isSafeInteger(size) || size < 0) throw damagedMember(file, name);
  const sparse = [...next.keys(), ...global.keys()].some((key) => key.startsWith('GNU.sparse.'));
  // v7 tars know folders by the slash alone.
  const type = header.type === 'file' && name.endsWith('/') ? 'folder' : header.type;
  return { name, size, type: sparse ? 'sparse' : type };
}

/** Takes in a header that describes the next member. False for ordinary members. */
async function describesNext(
  file: string,
  header: Header,
  pending: Pending,
  read: () => Promise<Buffer>,
): Promise<boolean> {
  const { type, size, name } = header;
  if (type === 'skip') return true;
  if (type !== 'long-name' && type !== 'pax' && type !== 'pax-global') return false;
  if (size > 1 << 20) throw damagedMember(file, name);
  const bytes = await read();
  if (type === 'long-name') {
    pending.next.set('path', untilZero(bytes));
    return true;
  }
  const records = parsePax(bytes);
  if (!records) throw damagedMember(file, name);
  const into = type === 'pax' ? pending.next : pending.global;
  for (const [key, value] of records) into.set(key, value);
  return true;
}

/** The name without `./` and empty parts; throws when it would lead out of the tar. */
function checkedName(file: string, name: string): string {
  const parts = name.split('/');
  const bad = name === '' || name.includes('\0') || name.startsWith('/') || /^[A-Za-z]:[\\/]/.test(name);
  if (bad || name.split(/[\\/]/).includes('..')) {
    throw new UserError(
      `The tar ${shownPath(file)} has a member named ${JSON.stringify(name)}, which is not a path within the tar (it is empty, absolute, or climbs out with ".."). Nothing of this data set was stored; make the tar anew with relative names.`,
    );
  }
  return parts.filter((part) => part !== '' && part !== '.').join('/');
}

function refuseOddTypes(file: string, { name, type }: Header): void {
  const what = { link: 'a link', special: 'a device or pipe', sparse: 'a sparse file' }[type as string];
  if (!what) return;
  throw new UserError(
    `The tar ${shownPath(file)} has a member ${JSON.stringify(name)} that is ${what}; only regular files can be read. Nothing of this data set was stored; make the tar anew (GNU tar: --dereference --hard-dereference).`,
  );
}

function refuseOtherFormats(file: string, start: Buffer): void {
  const hex = start.toString('hex', 0, 6);
  const kind = hex.startsWith('1f8b')
    ? 'gzip'
    : hex.startsWith('28b52ffd')
      ? 'zstd'
      : hex.startsWith('425a68')
        ? 'bzip2'
        : hex === 'fd377a585a00'
          ? 'xz'
          : undefined;
  if (kind) {
    throw new UserError(
      `The tar ${shownPath(file)} is compressed (${kind}). Images in it could not be read at random: unpack it first.`,
    );
  }
  if (start.length === 0) throw new UserError(`The tar ${shownPath(file)} is empty (0 bytes).`);
}

/**
 * A tar ends with two blocks of zeros; one alone at the very end is accepted, as GNU tar and Python do. Zeros fill up the
 * last record (10 KiB); anything else there means that tars were strung together, and would be lost without a word.
 */
async function checkEnd(file: string, input: Input, at: number): Promise<void> {
  const rest = await input.read(at, 20 * BLOCK);
  if (isZero(rest)) return;
  throw new UserError(
    `The tar ${shownPath(file)} goes on after its end mark at byte ${at}: it is damaged, or several tars strung together. Make it anew, or give the tars one by one.`,
  );
}

function cutShort(file: string, at: number, name?: string): UserError {
  const where =
    name === undefined
      ? `after ${at} bytes, without its end mark`
      : `within the member ${JSON.stringify(name)}`;
  return new UserError(
    `The tar ${shownPath(file)} is cut short: it ends ${where}. Copy it again, or take it out of the data set.`,
  );
}

function damagedMember(file: string, name: string): UserError {
  return new UserError(
    `The tar ${shownPath(file)} is damaged: the header of ${JSON.stringify(name)} can't be understood. Make it anew.`,
  );
}

const isZero = (block: Buffer): boolean => block.every((byte) => byte === 0);

interface Input {
  readonly size: number;
  /** Bytes at a position; fewer at the end of the file. */
  read(offset: number, length: number): Promise<Buffer>;
}

const WINDOW = 16 * 1024;

/** Reads through a window of 16 KiB, so that small members cost no read each. */
function windowOf(handle: FileHandle, size: number): Input {
  let start = 0;
  let held = Buffer.alloc(0);
  return {
    size,
    async read(offset, length) {
      const wanted = Math.max(0, Math.min(length, size - offset));
      if (offset < start || offset + wanted > start + held.length) {
        const buffer = Buffer.allocUnsafeSlow(Math.min(Math.max(wanted, WINDOW), Math.max(0, size - offset)));
        let done = 0;
        while (done < buffer.length) {
          const { bytesRead } = await handle.read(buffer, done, buffer.length - done, offset + done);
          if (bytesRead === 0) break;
          done += bytesRead;
        }
        start = offset;
        held = buffer.subarray(0, done);
      }
      return held.subarray(offset - start, Math.min(offset - start + wanted, held.length));
    },
  };
}
