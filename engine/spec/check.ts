import type { z } from 'zod';
import { suggestion } from './nearest.ts';
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
export function located(issue: Issue, schema: z.ZodType, node: Node, what: string) {
  const path = [what, ...issue.path.map(String)].filter(Boolean).join('.');
  const found = descend(node, issue.path);
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0]!;
    const place = found.node.kind === 'map' ? found.node.entries.get(key)?.key : undefined;
    return errorAt(
      place ?? found.node.place,
      `unknown key "${key}"`,
      suggestion(key, keysAt(schema, issue.path)),
    );
  }
  if (found.rest.length > 0) {
    return errorAt(found.key ?? found.node.place, `missing key "${path}"`, `Expected: ${expected(issue)}.`);
  }
  return errorAt(
    found.node.place,
    `${path || 'value'} can't be ${describe(found.node)}`,
    `Expected: ${expected(issue)}.`,
  );
}

/** What would have been right, in words. */
function expected(issue: Issue): string {
  if (issue.code === 'invalid_union') {
    const parts = issue.errors.map((branch) => branch[0]).filter((i) => i !== undefined);
    return [...new Set(parts.map(expected))].join(', or ') || issue.message;
  }
  if (issue.code === 'invalid_value') return issue.values.map((v) => JSON.stringify(v)).join(' | ');
  return issue.message
    .replace(/^Invalid input: /, '')
    .replace(/^expected /, '')
    .replace(/, received .*$/, '')
    .replace(/^Too (small|big): expected /, '');
}

/** The keys that a schema knows at a path, as far as zod tells. */
function keysAt(schema: unknown, path: readonly PropertyKey[]): string[] {
  const at = unwrap(schema);
  const [step, ...rest] = path;
  if (step === undefined) return Object.keys(at?.shape ?? {});
  if (at?.shape) return keysAt(at.shape[String(step)], rest);
  if (at?.element) return keysAt(at.element, rest);
  return [];
}

type Inner = { shape?: Record<string, unknown>; element?: unknown; def?: { innerType?: unknown } };

/** The object or array inside optional, default and nullable wrappers. */
export function unwrap(schema: unknown): Inner | undefined {
  const inner = schema as Inner | undefined;
  if (inner?.shape || inner?.element || !inner?.def?.innerType) return inner;
  return unwrap(inner.def.innerType);
}
