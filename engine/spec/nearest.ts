import { closest, distance } from 'fastest-levenshtein';

/** The known name nearest to a mistyped one, if it is near enough to be meant. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  const names = [...known];
  if (names.length === 0) return undefined;
  const best = closest(name, names);
  return distance(name.toLowerCase(), best.toLowerCase()) <= Math.max(2, name.length / 3) ? best : undefined;
}

/** "Did you mean x? Known here: a, b, c." */
export function suggestion(name: string, known: Iterable<string>, what = 'Known here'): string {
  const names = [...known];
  const near = nearest(name, names);
  const list =
    names.length === 0 ? '' : `${what}: ${names.slice(0, 20).join(', ')}${names.length > 20 ? ', …' : ''}.`;
  return [near ? `Did you mean ${near}?` : '', list].filter(Boolean).join(' ');
}
