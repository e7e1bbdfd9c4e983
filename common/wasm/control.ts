import { type Code, seq, unsigned } from './code.ts';
import { i32 } from './scalars.ts';

export const get = (local: number): Code => [0x20, unsigned(local)];
export const set = (local: number, value: Code): Code => [value, 0x21, unsigned(local)];
/** Adds a constant to a local. */
export const step = (local: number, by: number): Code => set(local, i32.add(get(local), i32.const(by)));

/** Calls the kernel that stands in the module at this place. */
export const callAt = (place: number, ...args: readonly Code[]): Code =>
  seq(...args, [0x10, unsigned(place)]);

/** Leaves a value unused. */
export const drop = (value: Code): Code => [value, 0x1a];

/** Ends the kernel. */
export const leave: Code = [0x0f];

export const when = (condition: Code, ...body: readonly Code[]): Code =>
  seq(condition, [0x04, 0x40], ...body, [0x0b]);

export const either = (condition: Code, then: readonly Code[], otherwise: readonly Code[]): Code =>
  seq(condition, [0x04, 0x40], ...then, [0x05], ...otherwise, [0x0b]);

/** Repeats the body as long as the condition holds before it. */
export const whileHolds = (condition: Code, ...body: readonly Code[]): Code =>
  seq([0x03, 0x40], condition, [0x04, 0x40], ...body, [0x0c, 1, 0x0b, 0x0b]);

/** Repeats the body until the condition doesn't hold behind it; the body runs once at least. */
export const repeatWhile = (condition: Code, ...body: readonly Code[]): Code =>
  seq([0x03, 0x40], ...body, condition, [0x0d, 0, 0x0b]);
