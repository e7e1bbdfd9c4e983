/** A result that can't be right. */
export class Wrong extends Error {
  override readonly name = 'Wrong';
}
