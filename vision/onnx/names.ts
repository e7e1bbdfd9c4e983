import type { NodeProto } from './onnx_pb.ts';

const PARAMETER = /^(.*)[._](weight|bias|weight_v|weight_orig|scale|gamma|beta|kernel)$/;

/** What quantisation tools put behind the name of a tensor or node. */
const QUANTISED = /(_(quantized|dequantized|quant|Q[48](G\d+)?|(De)?QuantizeLinear(_Output)?(_\d+)?))+$/;

/** A tensor's or node's name as it was before quantisation: `conv1.weight_quantized` → `conv1.weight`. */
export const unquantised = (name: string): string => name.replace(QUANTISED, '');

/** True for names that an exporter made up: `onnx::Conv_193`, `193`, `val_12`, `_v_3`. */
export function isGenerated(name: string): boolean {
  return name === '' || name.includes('::') || /^(_v_|val_|const_?|t_?|_)?\d+$/.test(name);
}

/** What a layer's name is made from. */
export interface Named {
  readonly node: NodeProto;
  /** Names of its parameters, most telling first. */
  readonly weights: readonly string[];
  readonly tensor: string;
}

/**
 * The layers' names, unique, as near to the modules' names in the network's code as the file allows: the name of the
 * parameters (`layer1.0.conv1.weight` → `layer1.0.conv1`, `attn.in_proj_bias` → `attn.in_proj`), or else the module that
 * the node says it is from (see `moduleOf`; with the parameter, where it holds one of another name), or else the
 * parameter's, node's or tensor's own name.
 *
 * Where several layers have the same parameters, two things can be behind it. A module that is applied twice: the second
 * is called `NAME#2`. Or modules whose parameters have equal values (as in a network that wasn't trained) and were stored
 * once by the exporter: the nodes then name different modules, and these names are taken.
 */
export function layerNames(layers: readonly Named[]): string[] {
  const owners = layers.map(({ weights }) => ownerOf(weights));
  const counts = new Map<string, number>();
  for (const owner of owners) if (owner) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  return unique(
    layers.map(({ node, weights, tensor }, index) => {
      const owner = owners[index];
      const module = moduleOf(node);
      if (owner && counts.get(owner)! > 1 && module && !isPartOf(owner, module)) return module;
      if (owner) return owner;
      // A matrix that a module holds itself, as CLIP's `visual.proj`.
      const held = weights.find((name) => module && name.startsWith(`${module}.`));
      if (held ?? module) return (held ?? module)!;
      const weight = weights[0] ?? '';
      return node.name.startsWith('/') && !isGenerated(weight) ? weight : unquantised(node.name || tensor);
    }),
  );
}

/** The module that parameters belong to, by their names. */
function ownerOf(weights: readonly string[]): string | undefined {
  for (const name of weights) {
    const owner = isGenerated(name) ? undefined : PARAMETER.exec(name)?.[1];
    if (owner) return owner;
  }
  return undefined;
}

/** Whether a parameter's owner is the module, or something in it; a module applied again is told as `NAME_1`. */
function isPartOf(owner: string, module: string): boolean {
  const first = module.replace(/_\d+$/, '');
  return [module, first].some((name) => owner === name || owner.startsWith(`${name}.`));
}

/**
 * The module that a node is from: PyTorch's newer exporter says it in the node's metadata, its older one (≥ 1.13) in the
 * node's name (`/layer1/layer1.0/conv1/Conv` → `layer1.0.conv1`).
 */
function moduleOf(node: NodeProto): string | undefined {
  const scopes = node.metadataProps.find(({ key }) => key === 'pkg.torch.onnx.name_scopes')?.value;
  return scopes === undefined ? modulePath(node.name) : innermost(scopes);
}

/** The scopes are written as Python writes a list: modules from the outside in, then the operation. */
function innermost(scopes: string): string | undefined {
  const names = [...scopes.matchAll(/'([^']*)'/g)].map(([, name]) => name!);
  return names.at(-2) || undefined;
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
