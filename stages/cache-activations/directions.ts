import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { UserError } from '../../common/errors.ts';
import type { Direction } from '../../vision/onnx/directions.ts';

const text = z.string().min(1);
const DIRECTIONS = z
  .array(
    z.strictObject({
      name: text,
      layer: text,
      file: text,
      per: z.enum(['position', 'pooled']).default('position'),
      output: text.optional(),
      activation: z.enum(['none', 'relu']).optional(),
    }),
  )
  .min(1);

/**
 * Reads a list of directions, a YAML file with one entry for each layer of them:
 * - `name`: the layer's name in tables
 * - `layer`: what they read, as in `layers`: the name of one layer, or `tensor:NAME@AXIS`
 * - `file`, relative to the list: ONNX [N, C] → [N, M], or an Arrow table with a column `direction` (fixed-size lists of C
 *   float32, a row a direction) and perhaps `bias`
 * - `per`: `position` (default; every position or token, then the mean) or `pooled` (on the mean)
 * - `output`: name of the output, where an ONNX file has several
 * - `activation`: `relu` or `none` (default), for a table
 *
 * Throws a UserError that says where the file is wrong.
 */
export async function readDirections(file: string): Promise<Direction[]> {
  const content = await readFile(file, 'utf8');
  const lines = new LineCounter();
  const document = parseDocument(content, { lineCounter: lines, prettyErrors: false });
  const wrong = (offset: number, what: string) => {
    const { line, col } = lines.linePos(offset);
    return new UserError(`${path.relative('', file)}:${line}:${col}: ${what}`);
  };
  const [broken] = document.errors;
  if (broken) throw wrong(broken.pos[0], `this is no YAML: ${broken.message}.`);
  const parsed = DIRECTIONS.safeParse(document.toJS());
  if (parsed.success) {
    return parsed.data.map((direction) => ({
      ...direction,
      file: path.resolve(path.dirname(file), direction.file),
    }));
  }
  const issue = parsed.error.issues[0]!;
  const at = [...issue.path, ...(issue.code === 'unrecognized_keys' ? [issue.keys[0]!] : [])];
  const nodes = at.map((_, i) => document.getIn(at.slice(0, at.length - i), true)) as Located[];
  const offset = nodes.find((node) => node?.range)?.range[0] ?? 0;
  throw wrong(offset, `${problem(issue, at, nodes[0] === undefined)} ${FORM}`);
}

type Located = { readonly range: readonly number[] } | undefined;

const FORM =
  'A list of directions has entries with `name`, `layer` and `file`, and perhaps `per` (position or pooled), `output`, `activation` (none or relu).';

function problem(issue: z.core.$ZodIssue, at: readonly PropertyKey[], missing: boolean): string {
  if (at.length === 0) return 'this is no list.';
  const key = `"${String(at.at(-1))}"`;
  if (issue.code === 'unrecognized_keys') return `unknown key ${key}.`;
  if (at.length === 1) return 'this entry is no mapping.';
  return missing ? `entry ${Number(at[0]) + 1} has no key ${key}.` : `this can't be ${key}.`;
}

/** The files that a list of directions names: they count with it. */
export async function directionFiles(file: string): Promise<string[]> {
  return [...new Set((await readDirections(file)).map((direction) => direction.file))].sort();
}
