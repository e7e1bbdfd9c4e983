// Runs an ONNX file with onnxruntime-node on float32 images and writes its first output.
// node evaluate.mjs RUNTIME-FOLDER MODEL INPUT COUNT OUTPUT: used by export.py, the numbers in the cards come from here.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

process.env.ORT_DISABLE_TELEMETRY = "1";
const [runtime, model, input, count, output] = process.argv.slice(2);
const { InferenceSession, Tensor } = createRequire(join(resolve(runtime), "package.json"))("onnxruntime-node");

const bytes = readFileSync(input);
const pixels = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
const session = await InferenceSession.create(model, { intraOpNumThreads: 1 });
const size = 3 * 32 * 32;
const parts = [];
for (let start = 0; start < Number(count); start += 100) {
  const end = Math.min(start + 100, Number(count));
  const batch = new Tensor("float32", pixels.slice(start * size, end * size), [end - start, 3, 32, 32]);
  const result = (await session.run({ input: batch }))[session.outputNames[0]];
  parts.push(Buffer.from(Float32Array.from(result.data).buffer));
}
writeFileSync(output, Buffer.concat(parts));
