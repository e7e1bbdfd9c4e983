import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { archiveList, listText, membersOf, padded, parseList, tarHeader } from '../../cache/archive.ts';
import { canonicalJson, sha256 } from '../../common/json.ts';

export async function flip(path: string, at: number, mask: number): Promise<void> {
  const file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  byte[0]! ^= mask;
  await file.write(byte, 0, 1, at);
  await file.close();
}

/** Members of a tar as this file takes it apart and packs it, for well-formed archives with bad contents. */
export interface Member {
  readonly name: string;
  readonly bytes: Buffer;
  readonly type?: string;
}
export type Members = readonly Member[];

export function unpacked(tar: Buffer): Member[] {
  const members: Member[] = [];
  for (let at = 0; tar[at] !== 0; ) {
    const name = tar.toString('utf8', at, tar.indexOf(0, at));
    const size = Number.parseInt(tar.toString('latin1', at + 124, at + 135), 8);
    members.push({ name, bytes: tar.subarray(at + 512, at + 512 + size) });
    at += 512 + padded(size);
  }
  return members;
}

export function packed(members: Members): Buffer {
  const parts = members.flatMap(({ name, bytes, type }) => {
    const header = tarHeader(name, bytes.length);
    if (type) {
      header.write(type, 156, 'latin1');
      header.write(' '.repeat(8), 148, 'latin1');
      const sum = header.reduce((all, byte) => all + byte, 0);
      header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    }
    return [header, bytes, Buffer.alloc(padded(bytes.length) - bytes.length)];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

export const rename = (members: Members, from: RegExp, to: string): Members =>
  members.map((member) => ({ ...member, name: member.name.replace(from, to) }));

export const relist = (members: Members, change: (text: string) => string): Members => [
  { name: members[0]!.name, bytes: Buffer.from(change(members[0]!.bytes.toString())) },
  ...members.slice(1),
];

// biome-ignore lint/suspicious/noExplicitAny: lists that are wrong on purpose
type AnyList = any;

export const edit = (members: Members, change: (list: AnyList) => AnyList): Members =>
  relist(members, (text) => listText(change(parseList(text))));

export const withBlob = (members: Members, name: string): Members => {
  const list = archiveList.parse(parseList(members[0]!.bytes.toString()));
  const byName = new Map(members.map((member) => [member.name, member]));
  const blob = { name: `blobs/${name.slice(0, 2)}/${name}`, bytes: Buffer.from('x') };
  return [members[0]!, ...membersOf(list).map((member) => byName.get(member.name) ?? blob)];
};

/** Changes the text of the first record, the list along with it. */
export function rerecord(members: Members, change: (text: string) => string): Members {
  const at = members.findIndex(({ name }) => name.startsWith('records/'));
  const { name, bytes } = members[at]!;
  const text = Buffer.from(change(bytes.toString()));
  const is = { digest: createHash('sha256').update(text).digest('hex'), bytes: text.length };
  const fingerprint = name.slice(11, -5);
  const changed = members.map((member, i) => (i === at ? { name, bytes: text } : member));
  return edit(changed, (list) => ({ ...list, records: { ...list.records, [fingerprint]: is } }));
}

/** Changes the first record, its checksum along with it; `document` as text. */
export function reseal(members: Members, change: (record: AnyList) => AnyList, document?: string): Members {
  return rerecord(members, (text) => {
    const record = change(JSON.parse(text).record);
    let body = canonicalJson(record);
    if (document) body = body.replace(canonicalJson(record.document), document);
    return `{"format":1,"checksum":"${sha256(body)}","record":${body}}\n`;
  });
}
