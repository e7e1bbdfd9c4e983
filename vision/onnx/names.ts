import type { NodeProto, TensorProto } from './onnx_pb.ts';

const PARAMETER = /^(.*)[._](weight|bias|weight_v|weight_orig|scale|gamma|beta|kernel)$/;

/** True for names that an exporter made up: `onnx::Conv_193`, `193`, `val_12`, `_v_3`. */
export function isGenerated(name: string): boolean {
  return name === '' || name.includes('::') || /^(_v_|val_|const_?|t_?|_)?\d+$/.test(name);
}

/**
 * A layer's name, as near to the module's name in the network's code as the file allows:
 * the name of its parameters (`layer1.0.conv1.weight` → `layer1.0.conv1`, `attn.in_proj_bias` → `attn.in_proj`), or else the path that PyTorch ≥ 1.13 gives
 * to nodes (`/layer1/layer1.0/conv1/Conv` → `layer1.0.conv1`), or else the parameter's, node's or tensor's own name.
 */
export function moduleName(
  node: NodeProto,
  weights: readonly (TensorProto | undefined)[],
  tensor: string,
): string {
  for (const weight of weights) {
    const owner = weight && !isGenerated(weight.name) && PARAMETER.exec(weight.name)?.[1];
    if (owner) return owner;
  }
  const path = modulePath(node.name);
  if (path) return path;
  const weight = weights[0]?.name ?? '';
  if (node.name.startsWith('/') && !isGenerated(weight)) return weight;
  return node.name || tensor;
}

/**
 * The module path in a node's name. Modules within a container repeat the container's name (`layer1`, `layer1.0`), which
 * is told once.
 */
function modulePath(name: string): string | undefined {
  if (!name.startsWith('/')) return undefined;
  const parts = name.slice(1).split('/').slice(0, -1);
  const kept = parts.filter((part, index) => !parts[index + 1]?.startsWith(`${part}.`));
  return kept.length > 0 ? kept.join('.') : undefined;
}

/** The same names, with `#2`, `#3` … after those that came before. `path` is kept free for the tables. */
export function unique(names: readonly string[]): string[] {
  const taken = new Set(['path']);
  const all = new Set(names);
  return names.map((name) => {
    let candidate = name;
    for (let n = 2; taken.has(candidate); n++) {
      candidate = `${name}#${n}`;
      if (all.has(candidate)) candidate = name;
    }
    taken.add(candidate);
    return candidate;
  });
}
