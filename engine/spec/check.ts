import type { z } from 'zod';
import { nearest, suggestion } from './nearest.ts';
import { descend, describe, type Node, toJson } from './node.ts';
import { errorAt } from './source.ts';

type Issue = z.core.$ZodIssue;

/**
 * Checks a value against a zod schema. The first problem becomes an error that points at the value in its file.
 *
 * @param what names the value in messages, e.g. `task`; may be empty
 */
export function check<T>(schema: z.ZodType<T>, node: Node, what: string): T {
  const result = schema.safeParse(toJson(node));
  if (result.success) return result.data;
  throw located(result.error.issues[0]!, schema, node, what);
}

/** The error for a zod issue, placed at the deepest node that its path leads to. */
export function located(found: Issue, schema: z.ZodType, node: Node, what: string) {
  const issue = inBranch(found, node);
  const path = [what, ...issue.path.map(String)].filter(Boolean).join('.');
  const at = descend(node, issue.path);
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0]!;
    const place = at.node.kind === 'map' ? at.node.entries.get(key)?.key : undefined;
    return errorAt(
      place ?? at.node.place,
      `unknown key "${key}"`,
      suggestion(key, keysAt(schema, issue.path)),
    );
  }
  if (issue.code === 'custom') return errorAt(at.node.place, `${path || 'value'}: ${issue.message}`);
  const expectation = `Expected: ${expected(issue)}.`;
  if (at.rest.length > 0) return errorAt(at.key ?? at.node.place, `missing key "${path}"`, expectation);
  if (issue.code === 'invalid_key')
    return errorAt(
      at.key ?? at.node.place,
      `"${String(issue.path.at(-1))}" can't be a name here`,
      expectation,
    );
  const near = nearestValue(issue, at.node);
  return errorAt(
    at.node.place,
    `${path || 'value'} can't be ${describe(at.node)}`,
    near ? `Did you mean ${near}? ${expectation}` : expectation,
  );
}

/** Of a union's branches the one that the value was meant for: where the problem lies deepest inside. */
function inBranch(issue: Issue, node: Node): Issue {
  if (issue.code !== 'invalid_union') return issue;
  const here = descend(node, issue.path).node;
  if (here.kind === 'scalar') return issue;
  const inner = issue.errors
    .flatMap((branch) => branch.slice(0, 1))
    .filter((each) => each.path.length > 0 || each.code === 'unrecognized_keys')
    .sort((a, b) => b.path.length - a.path.length)[0];
  return inner ? inBranch({ ...inner, path: [...issue.path, ...inner.path] } as Issue, node) : issue;
}

function nearestValue(issue: Issue, node: Node): string | undefined {
  const values = issue.code === 'invalid_value' ? issue.values : [];
  return node.kind === 'scalar' && typeof node.value === 'string'
    ? nearest(node.value, values.map(String))
    : undefined;
}

/** What would have been right, in words. */
function expected(issue: Issue): string {
  if (issue.code === 'invalid_union') {
    const parts = issue.errors.flatMap((branch) => branch.slice(0, 1));
    return [...new Set(parts.map(expected))].join(', or ') || issue.message;
  }
  if (issue.code === 'invalid_value') return issue.values.map((value) => JSON.stringify(value)).join(' | ');
  if (issue.code === 'invalid_key') return issue.issues.map(expected).join(', ');
  if (issue.code === 'invalid_type') return TYPES[issue.expected] ?? issue.expected;
  if (issue.code === 'too_small')
    return bounded(issue.origin, issue.minimum, issue.inclusive ? 'at least' : 'more than');
  if (issue.code === 'too_big')
    return bounded(issue.origin, issue.maximum, issue.inclusive ? 'at most' : 'less than');
  if (issue.code === 'invalid_format' && issue.format === 'regex' && issue.message.startsWith('Invalid'))
    return `text that matches ${issue.pattern}`;
  return issue.message;
}

const TYPES: Record<string, string> = {
  int: 'a whole number',
  number: 'a number',
  string: 'text',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'a mapping',
  record: 'a mapping',
  null: 'nothing',
};

function bounded(origin: string, bound: number | bigint, relation: string): string {
  if (origin === 'array') return `a list of ${relation} ${bound} element${bound === 1 ? '' : 's'}`;
  if (origin === 'string')
    return bound === 1 ? 'text that is not empty' : `text of ${relation} ${bound} characters`;
  return `${origin === 'int' ? 'a whole number' : 'a number'} of ${relation} ${bound}`;
}

/** The keys that a schema knows at a path, as far as zod tells. */
function keysAt(schema: unknown, path: readonly PropertyKey[]): string[] {
  const at = unwrap(schema);
  if (at?.options) return [...new Set(at.options.flatMap((option) => keysAt(option, path)))];
  const [step, ...rest] = path;
  if (step === undefined) return Object.keys(at?.shape ?? {});
  if (at?.shape) return keysAt(at.shape[String(step)], rest);
  if (at?.element) return keysAt(at.element, rest);
  if (at?.valueType) return keysAt(at.valueType, rest);
  return [];
}

type Inner = {
  shape?: Record<string, unknown>;
  element?: unknown;
  valueType?: unknown;
  options?: unknown[];
  def?: { innerType?: unknown; in?: unknown; type?: string };
};

/** The object or array inside optional, default and nullable wrappers. */
export function unwrap(schema: unknown): Inner | undefined {
  const inner = schema as Inner | undefined;
  if (inner?.def?.type === 'pipe') return unwrap(inner.def.in);
  if (inner?.shape || inner?.element || !inner?.def?.innerType) return inner;
  return unwrap(inner.def.innerType);
}
