import { pack } from '../../vision/images/tars.ts';
import { demoTar } from './images.ts';
import type { Item } from './item.ts';

/** Tars of the flavours that are read: ustar, pax, GNU long names, v7, with labels of all kinds. */
export async function tarItems(images: readonly Item[]): Promise<Item[]> {
  const png = images.find(({ name }) => name === 'plain.png')!.bytes;
  const jpg = images.find(({ name }) => name === 'plain.jpg')!.bytes;
  const members = ['a', 'b', 'c'].flatMap((key) => [
    [`${key}.png`, png] as const,
    [`${key}.cls`, '3\n'] as const,
  ]);
  const long = `${'long/'.repeat(30)}image.jpg`;
  const made: Record<string, Buffer> = {
    'ustar.tar': await pack(members),
    'labels.tar': await pack([
      ['x/1.jpg', jpg],
      ['x/1.json', '{"label":"cat"}'],
      ['x/2.png', png],
      ['x/2.txt', 'a dog'],
    ]),
    'pax.tar': await pack([
      [{ name: long, pax: { comment: 'long', size: `${jpg.length}` } }, jpg],
      ['ä/ö.png', png],
    ]),
    'folders.tar': await pack([
      [{ name: 'd', type: 'directory' }, ''],
      ['d/e.png', png],
    ]),
    'gnu.tar': gnu(long, jpg),
    'v7.tar': v7(await pack([['old.png', png]])),
    'demo.tar': demoTar(),
    'empty.tar': Buffer.alloc(1024),
  };
  return Object.entries(made).map(([name, bytes]) => ({ kind: 'tar', name, bytes }));
}

/** GNU tar's way with long names: a member `././@LongLink` that holds the name of the next one. */
function gnu(name: string, content: Buffer): Buffer {
  const text = Buffer.from(`${name}\0`);
  const header = (title: string, size: number, type: string) => {
    const block = Buffer.alloc(512);
    block.write(title.slice(0, 99), 0);
    block.write('0000644\0', 100);
    block.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
    block.write('        ', 148);
    block.write(type, 156);
    block.write('ustar  \0', 257, 'latin1');
    block.write(
      `${block
        .reduce((a, b) => a + b, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
    );
    return block;
  };
  const filled = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
  const long = [header('././@LongLink', text.length, 'L'), filled(text)];
  return Buffer.concat([...long, header(name, content.length, '0'), filled(content), Buffer.alloc(1024)]);
}

/** The same members without the later formats' magic word. */
function v7(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.fill(0, 257, 345);
  copy.write('        ', 148);
  const sum = copy.subarray(0, 512).reduce((a, b) => a + b, 0);
  copy.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return copy;
}
