import { stringify } from 'yaml';
import type { Preprocess } from '../../vision/images/preprocess-spec.ts';
import type { Inspection } from '../../vision/onnx/inspect.ts';
import type { Metadata } from '../../vision/onnx/metadata.ts';

/** How images are prepared for a model. */
export interface Prepared {
  readonly preprocess: Preprocess;
  /** Where it was found, for a comment. */
  readonly from: string;
}

/** Where a model is from, in a line: as its file says, or else where it was taken from. */
export function describeOrigin({ source, accuracy }: Metadata, text: string): string {
  const top1 = accuracy && `${(accuracy.top1 * 100).toFixed(1)} % top-1 on ${accuracy.data}`;
  return [source ?? `Added from ${text}`, top1].filter(Boolean).join('; ').replace(/\s+/g, ' ');
}

function head(schema: string, place: string, origin: string): string[] {
  return [
    `# yaml-language-server: $schema=../../schemas/${schema}.schema.json`,
    `# ${origin}`,
    `model: ${stringify(place, { lineWidth: 0 }).trim()}`,
  ];
}

function preprocessLines({ preprocess, from }: Prepared): string[] {
  const lines = Object.entries(preprocess).map(
    ([key, value]) => `  ${key}: ${JSON.stringify(value).replaceAll(',', ', ')}`,
  );
  return [`preprocess: # ${from}`, ...lines.map((line) => line.replaceAll('"', ''))];
}

/** A model's YAML with comments: its place, its preprocessing, and the types of layers that it has. */
export function modelYaml(place: string, origin: string, prepared: Prepared, model: Inspection): string {
  const types = [...new Set(model.layers.map(({ type }) => type))];
  const rows = types.map((type) => {
    const layers = model.layers.filter((layer) => layer.type === type);
    const units = layers.reduce((sum, layer) => sum + (layer.units ?? 0), 0);
    return `  - ${type.padEnd(14)} # ${layers.length} ${layers.length === 1 ? 'layer' : 'layers'}, ${units} units: ${layers[0]!.name}${layers.length > 1 ? ` … ${layers.at(-1)!.name}` : ''}`;
  });
  const folded = model.layers.some(({ note }) => note?.includes('folded'));
  return [
    ...head('model', place, origin),
    ...preprocessLines(prepared),
    ...(folded
      ? [
          '# The exporter folded batch norms into convolutions: export with tools/export_model.py to have them scored.',
        ]
      : []),
    ...(rows.length > 0
      ? [
          '# Types to score; names and globs (layer1.*) are possible too. `mis models inspect` lists them.',
          'layers:',
          ...rows,
        ]
      : ['# No layers were recognised: name tensors, as in `layers: ["tensor:NAME@1"]`.']),
    '',
  ].join('\n');
}

/** An encoder's YAML with comments. */
export function encoderYaml(place: string, origin: string, about: Metadata, prepared: Prepared): string {
  return [
    ...head('encoder', place, origin),
    `similarity: ${about.similarity}`,
    ...(about.distance ? ['distance: true # it puts out a distance; the similarity is its negative'] : []),
    about.alpha === undefined
      ? '# alpha: 0.16 # belongs to the similarity function; 0.16 was fitted with DreamSim alone'
      : `alpha: ${about.alpha}`,
    ...preprocessLines(prepared),
    '',
  ].join('\n');
}
