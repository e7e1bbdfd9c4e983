/** A path as it is shown in messages: as it is, or as a JSON string when it holds control characters or blanks at its ends. */
export function shownPath(path: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to be made visible
  return /[\u0000-\u001f\u007f]|^\s|\s$|^$/.test(path) ? JSON.stringify(path) : path;
}
