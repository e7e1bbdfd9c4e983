import { InvalidArgumentError } from 'commander';

const DAY_MS = 86_400_000;
const SPANS: Readonly<Record<string, number>> = {
  min: 60_000,
  h: 3_600_000,
  d: DAY_MS,
  w: 7 * DAY_MS,
};
const SIZES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

const AMOUNT = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i;

/** Milliseconds of `30d`, `12h`, `2w`, `90min`. For commander. */
export function span(text: string): number {
  const [, amount, unit = ''] = AMOUNT.exec(text) ?? [];
  const ms = SPANS[unit.toLowerCase()];
  if (amount === undefined || ms === undefined)
    throw new InvalidArgumentError('It takes a time with its unit: 90min, 12h, 30d, 2w.');
  return Number(amount) * ms;
}

/** Bytes of `50GB`, `1.5TB`, `512MiB`, `1000`. For commander. */
export function size(text: string): number {
  const [, amount, unit = ''] = AMOUNT.exec(text) ?? [];
  const bytes = SIZES[unit.toLowerCase()];
  if (amount === undefined || bytes === undefined)
    throw new InvalidArgumentError('It takes a size: 500MB, 50GB, 1.5TB, 20GiB.');
  return Number(amount) * bytes;
}

/** A whole number from 0. For commander. */
export function count(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < 0)
    throw new InvalidArgumentError('It takes a whole number from 0.');
  return value;
}
