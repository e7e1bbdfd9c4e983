import { byteCount } from '../ui/format.ts';

/** `mis models inspect FILE`: the layers of an ONNX model that have units. */
export async function inspect(file: string, options: { json?: boolean }): Promise<number> {
  const { inspectModel } = await import('../../vision/onnx/inspect.ts');
  const model = await inspectModel(file);
  if (options.json) {
    process.stdout.write(`${JSON.stringify(model, null, 2)}\n`);
    return 0;
  }
  process.stdout.write(`${JSON.stringify(model)}\n`);
  void byteCount;
  return 0;
}
