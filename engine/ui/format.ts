import type { Vars } from '../plan/document.ts';

/** 950 ms, 3.2 s, 4 min 05 s, 2 h 10 min. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
}

/** 512 B, 3.4 kB, 1.2 GB (powers of 1000). */
export function byteCount(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const power = Math.min(4, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(1)} ${['', 'kB', 'MB', 'GB', 'TB'][power]}`;
}

/** `640/5000 images  123 images/s, 35 s left`. */
export function rateText(done: number, total: number, unit: string, ms: number): string {
  const rate = (done / Math.max(ms, 1)) * 1000;
  const left = rate > 0 ? `, ${duration(((total - done) / rate) * 1000)} left` : '';
  return `${done}/${total} ${unit}  ${rate.toFixed(rate < 10 ? 1 : 0)} ${unit}/s${left}`;
}

/** `model=resnet shard=03`, or an empty text. */
export function varsText(vars: Vars): string {
  return Object.entries(vars)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Text in a colour where the stream is a terminal that shows colours. */
export function painter(stream: { isTTY?: boolean; hasColors?: () => boolean }) {
  const on = stream.isTTY === true && !process.env.NO_COLOR && (stream.hasColors?.() ?? false);
  const paint = (code: number) => (text: string) => (on ? `\u001b[${code}m${text}\u001b[0m` : text);
  return {
    red: paint(31),
    green: paint(32),
    yellow: paint(33),
    blue: paint(34),
    grey: paint(90),
    bold: paint(1),
  };
}
