/** What is wrong with a file, in words for a person. */
export class Damage extends Error {}
