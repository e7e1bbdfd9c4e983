import { isElsewhere } from '../../cache/sources/source.ts';
import { isUserError, UserError } from '../../common/errors.ts';
import { expandRanges } from './glob.ts';
import { errorAt, type Place } from './source.ts';

/**
 * The paths of files that lie elsewhere (`hf://…`, `https://…`, `npm:…`), brought here; undefined for a path. Files taken by
 * listing may be several, by ranges (`{000..146}`), and from the web without a digest, which is then remembered. Throws
 * a UserError at `place`.
 */
export async function fetchedFiles(
  text: string,
  by: 'content' | 'listing',
  place: Place,
): Promise<readonly string[] | undefined> {
  if (!isElsewhere(text)) return undefined;
  const { fetchSources } = await import('../../cache/sources/fetch.ts');
  const { onProgress } = await import('../ui/download.ts');
  const warn = (message: string) => process.stderr.write(`${message}\n`);
  const options = { warn, remember: by === 'listing', ...onProgress(process.stderr) };
  try {
    const sources = by === 'listing' ? expanded(text) : [text];
    return (await fetchSources(sources, options)).map(({ path }) => path);
  } catch (error) {
    throw isUserError(error) ? errorAt(place, error.message) : error;
  }
}

function expanded(text: string): string[] {
  const sources = expandRanges(text);
  if (sources.length === 0) throw new UserError(`The range in ${text} is empty: it ends before it begins.`);
  if (sources.length > 1 && text.includes('#'))
    throw new UserError(
      `The digest in ${text} can't be that of ${sources.length} files. Leave it out (each file's digest is then remembered in the cache), or list each file with its digest.`,
    );
  if (/^hf:.*[*]/.test(text))
    throw new UserError(
      `"*" in ${text} isn't looked up on the hub. Name the files by their numbers: {000..146}.`,
    );
  return sources;
}
