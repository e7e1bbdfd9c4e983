import { UserError } from '../../../common/errors.ts';
import { shownPath } from '../names.ts';
import { isImageName, type ListedImage, type OnIgnored } from './kinds.ts';
import { type Member, scanTar } from './tar.ts';

/**
 * Images of a WebDataset tar. Members belong together when they have the same key: the path up to the first dot of the
 * file name. What follows that dot tells the kind: an image, or its label: `.cls` (text, usually a class number), else
 * the `label` of `.json`, else `.txt`. `prefix` is put before each path.
 * Throws a UserError for everything that `scanTar` refuses, and for two members of the same name.
 */
export async function* listTar(
  file: string,
  prefix: string,
  onIgnored: OnIgnored,
): AsyncGenerator<ListedImage, void, undefined> {
  const images: { key: string; name: string; offset: number; size: number }[] = [];
  const labels = new Map<string, Label>();
  const names = new Set<string>();
  for await (const member of scanTar(file)) {
    const { key, kind } = keyOf(member.name);
    if (key !== undefined && !kind.includes('.') && isImageName(`.${kind}`)) {
      if (names.has(member.name)) throw twice(file, member.name);
      names.add(member.name);
      images.push({ key, name: member.name, offset: member.offset, size: member.size });
    } else if (key !== undefined && LABELS.includes(kind)) {
      const label = await labelOf(file, member, kind);
      if (label && label.rank < (labels.get(key)?.rank ?? LABELS.length)) labels.set(key, label);
    } else {
      onIgnored(`${prefix}/${member.name}`);
    }
  }
  for (const { key, name, offset, size } of images) {
    yield { path: `${prefix}/${name}`, label: labels.get(key)?.text ?? null, file, offset, bytes: size };
  }
}

/** Key and kind (lower case) of a member's name; no key for names without a dot, or with nothing before it. */
function keyOf(name: string): { key: string | undefined; kind: string } {
  const start = name.lastIndexOf('/') + 1;
  const dot = name.indexOf('.', start);
  if (dot <= start) return { key: undefined, kind: '' };
  return { key: name.slice(0, dot), kind: name.slice(dot + 1).toLowerCase() };
}

/** Kinds of members that carry a label, the preferred one first. */
const LABELS = ['cls', 'json', 'txt'];
const LONGEST: Readonly<Record<string, number>> = { cls: 4096, json: 1 << 20, txt: 4096 };

interface Label {
  readonly rank: number;
  readonly text: string;
}

/** The label in a member; undefined when it holds none, or more than a label could take. */
async function labelOf(file: string, member: Member, kind: string): Promise<Label | undefined> {
  if (member.size > LONGEST[kind]!) return undefined;
  const text = (await member.read()).toString('utf8').trim();
  if (text === '') return undefined;
  const rank = LABELS.indexOf(kind);
  if (kind !== 'json') return { rank, text };
  const label = labelInJson(file, member.name, text);
  return label === undefined ? undefined : { rank, text: label };
}

function labelInJson(file: string, name: string, text: string): string | undefined {
  try {
    const value = JSON.parse(text) as { label?: unknown } | null;
    const label = value?.label;
    return typeof label === 'string' || typeof label === 'number' ? String(label) : undefined;
  } catch (error) {
    throw new UserError(
      `In the tar ${shownPath(file)} the member ${JSON.stringify(name)} is not JSON: ${(error as Error).message}.`,
    );
  }
}

function twice(file: string, name: string): UserError {
  return new UserError(
    `The tar ${shownPath(file)} has two members named ${JSON.stringify(name)}. Make it anew with different names.`,
  );
}
