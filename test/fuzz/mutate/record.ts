import { createHash } from 'node:crypto';
import type { Dice } from '../random.ts';
import { HOSTILE, mutateBytes } from './bytes.ts';

/** A change of a store record: of its bytes, or of a value in it with the checksum made right again. */
export function mutateRecord(bytes: Buffer, other: Buffer, dice: Dice): Buffer {
  if (dice.oneIn(2)) return mutateBytes(bytes, other, dice);
  const text = bytes.toString('utf8');
  const head = /^\{"format":(\d+),"checksum":"[0-9a-f]{64}","record":/.exec(text);
  if (!head) return mutateBytes(bytes, other, dice);
  const body = text.slice(head[0].length, -2);
  const edited = dice.oneIn(3)
    ? mutateBytes(Buffer.from(body), other, dice).toString('utf8')
    : changed(body, dice);
  const format = dice.oneIn(10) ? dice.pick(['0', '2', '99999999999999999999']) : head[1]!;
  return Buffer.from(
    `{"format":${format},"checksum":"${createHash('sha256').update(edited).digest('hex')}","record":${edited}}\n`,
  );
}

const VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1e300,
  [],
  {},
  [[]],
  { kind: 'file' },
  { kind: 'folder', digest: 'ab' },
  ...HOSTILE,
];

/** Another value somewhere in the JSON, or a key more or less. */
function changed(body: string, dice: Dice): string {
  let record: Record<string, unknown>;
  try {
    record = JSON.parse(body) as Record<string, unknown>;
  } catch {
    return body.slice(dice.below(body.length));
  }
  if (typeof record !== 'object' || !record || Object.keys(record).length === 0) return body;
  let at: Record<string, unknown> = record;
  let key = dice.pick(Object.keys(at));
  while (
    typeof at[key] === 'object' &&
    at[key] &&
    Object.keys(at[key] as object).length > 0 &&
    !dice.oneIn(4)
  ) {
    at = at[key] as Record<string, unknown>;
    key = dice.pick(Object.keys(at));
  }
  if (dice.oneIn(5)) delete at[key];
  else at[dice.oneIn(6) ? dice.pick(HOSTILE) : key] = dice.pick(VALUES);
  return JSON.stringify(record);
}
