import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Room } from '../../../vision/images/room.ts';

const MIB = 2 ** 20;
/** Files as they come, and some that are larger than what the room keeps for one. */
const lengths = fc.array(fc.oneof(fc.nat(2000), fc.integer({ min: 0, max: 5 * MIB })), { maxLength: 30 });

test('memory that was taken is nobody else’s until all is cleared', () => {
  fc.assert(
    fc.property(lengths, lengths, (first, second) => {
      const room = new Room();
      for (const round of [first, second]) {
        const taken = round.map((length, i) => room.take(length).fill(i));
        for (const [i, bytes] of taken.entries()) {
          expect(bytes).toHaveLength(round[i]!);
          expect(bytes.every((byte) => byte === i)).toBe(true);
        }
        room.clear();
      }
    }),
    { numRuns: 20 },
  );
});

test('files of the same length get the same memory again', () => {
  const room = new Room();
  const take = () => Array.from({ length: 60 }, () => room.take(100_000));
  const first = take();
  room.clear();
  const places = ({ buffer, byteOffset }: Buffer) => [buffer, byteOffset];
  expect(take().map(places)).toEqual(first.map(places));
});
