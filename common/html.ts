/** HTML that is safe to put into a page. Only `html` and `raw` make it. */
export interface Html {
  readonly html: string;
}

type Part = Html | string | number | null | undefined | false | readonly Part[];

/** Template tag: text in `${}` is escaped, HTML made by this tag is put in as it is, lists are joined. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { html: strings.reduce((text, string, i) => text + textOf(parts[i - 1]) + string) };
}

/** Marks a text of our own as HTML. Never for anything that was read. */
export function raw(text: string): Html {
  return { html: text };
}

function textOf(part: Part): string {
  if (part === null || part === undefined || part === false) return '';
  if (typeof part === 'string') return escapeHtml(part);
  if (typeof part === 'number') return String(part);
  if ('html' in part) return part.html;
  return part.map(textOf).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * Text for HTML, in an element or a quoted attribute. Control characters, line breaks, lone surrogates and the marks
 * that turn the direction of writing are shown as visible signs, so that no name can disguise itself or its neighbours.
 */
export function escapeHtml(text: string): string {
  return visible(text).replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** Control and format characters (which turn the direction of writing), line separators, lone surrogates, non-characters. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\ufffe\uffff]/gu;

/** The text with invisible and direction-turning characters replaced: `␊` for a line feed, `⟨U+202E⟩` for others. */
export function visible(text: string): string {
  return text.replace(HIDDEN, (character) => {
    const code = character.codePointAt(0)!;
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    return `⟨U+${code.toString(16).toUpperCase().padStart(4, '0')}⟩`;
  });
}

/** An address relative to the page, each part percent-encoded. */
export function address(...parts: readonly string[]): string {
  return parts
    .flatMap((part) => part.split('/'))
    .map(encodeURIComponent)
    .join('/');
}
