import { resolve } from 'node:path';
import type { Json } from '../../common/json.ts';
import type { Node } from './node.ts';
import type { Shape } from './shape.ts';

/**
 * A config as plain values that mean the same wherever they are read: paths of files are made absolute, since the files
 * that they were relative to aren't named any more.
 */
export function resolvedConfig(node: Node, shape: Shape | undefined): Json {
  if (node.kind === 'scalar') {
    const isPath =
      shape?.uses.some((use) => use.isFile) && typeof node.value === 'string' && node.value !== '';
    return isPath ? resolve(node.place.source.folder, String(node.value)) : node.value;
  }
  if (node.kind === 'list') return node.items.map((item) => resolvedConfig(item, shape?.element ?? shape));
  return Object.fromEntries(
    [...node.entries].map(([key, { value }]) => [key, resolvedConfig(value, shape?.children.get(key))]),
  );
}
