import { UserError } from '../../common/errors.ts';
import { type Axis, declared } from './build.ts';
import { BFLOAT16, DOUBLE, FLOAT, FLOAT16, type Model } from './model.ts';
import { inferShapes } from './shapes.ts';

const FLOATS = new Set([FLOAT, FLOAT16, DOUBLE, BFLOAT16]);

/**
 * The output to keep whole: for `auto` the only one of floats with two axes (undefined when there is none or several),
 * for `none` none, else the one of that name. `candidates` are the model's `matrices`. Throws a UserError when there is
 * no such output.
 */
export function pickOutput(model: Model, wanted: string, candidates: readonly string[]): string | undefined {
  if (wanted === 'none') return undefined;
  if (wanted === 'auto') return candidates.length === 1 ? candidates[0] : undefined;
  if (model.graph.output.some(({ name }) => name === wanted)) return wanted;
  const names = model.graph.output.map(({ name }) => `"${name}"`).join(', ');
  throw new UserError(`The model ${model.file} has no output "${wanted}"; it has ${names}.`);
}

/** As `pickOutput`, where there must be one: an encoder's embedding. */
export function pickEmbedding(model: Model, wanted: string, candidates: readonly string[]): string {
  const found = pickOutput(model, wanted, candidates);
  if (found !== undefined) return found;
  const names = model.graph.output.map(({ name }) => `"${name}"`).join(', ');
  throw new UserError(
    `It can't be told which output of the encoder ${model.file} is the embedding: not exactly one has the shape [images, D]. Name it with \`output\`; there are ${names}.`,
  );
}

/** Names of the float outputs of two axes. */
export async function matrices(model: Model): Promise<string[]> {
  const { graph } = model;
  const known = graph.output.map((value) => ({ name: value.name, ...declared(value) }));
  if (known.every(({ shape }) => shape !== undefined)) {
    return known
      .filter(({ elemType, shape }) => FLOATS.has(elemType) && isMatrix(shape!))
      .map(({ name }) => name);
  }
  const infos = await inferShapes(
    model,
    graph,
    known.map(({ name }) => name),
  );
  return known.flatMap(({ name }) => {
    const { type, shape } = infos.get(name)!;
    return type.startsWith('float') && isMatrix(shape) ? [name] : [];
  });
}

const isMatrix = (shape: readonly Axis[]) => shape.length === 2;
