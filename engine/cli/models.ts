import { fetchSource } from '../../cache/sources/fetch.ts';
import { onProgress } from '../ui/download.ts';
import { table } from '../ui/table.ts';

/** `mis models inspect FILE`: the layers of an ONNX model that have units. The file may lie elsewhere (`hf://…`). */
export async function inspect(file: string, options: { json?: boolean }): Promise<number> {
  const { inspectModel } = await import('../../vision/onnx/inspect.ts');
  const fetched = await fetchSource(file, { unverified: true, ...onProgress(process.stderr) });
  const model = await inspectModel(fetched?.path ?? file);
  if (options.json) {
    process.stdout.write(`${JSON.stringify(model, null, 2)}\n`);
    return 0;
  }
  const print = (line: string) => process.stdout.write(`${line}\n`);
  const tensors = (list: readonly { name: string; type?: string; shape: readonly unknown[] | null }[]) =>
    list.map(({ name, shape }) => `${name} ${shapeText(shape)}`).join(', ');
  print(`${file}: ONNX opset ${model.opset}, written by ${model.producer || 'an unknown exporter'}`);
  print(`inputs   ${tensors(model.inputs)}`);
  print(`outputs  ${tensors(model.outputs)}\n`);
  const rows = model.layers.map((layer) => [
    String(layer.depth),
    layer.name,
    layer.type,
    String(layer.units ?? '?'),
    shapeText(layer.shape),
    layer.note ?? '',
  ]);
  print(table(['depth', 'layer', 'type', 'units', 'shape', 'note'], rows, [0, 3]));
  const units = model.layers.reduce((sum, layer) => sum + (layer.units ?? 0), 0);
  print(`\n${model.layers.length} layers, ${units} units`);
  return 0;
}

const shapeText = (shape: readonly unknown[] | null | undefined): string =>
  shape ? `[${shape.map((axis) => axis ?? '?').join(', ')}]` : '';
