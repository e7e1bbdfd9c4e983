// Runs an ONNX file with onnxruntime-node on float32 arrays, one file for each input, and writes its first output.
// node evaluate.mjs RUNTIME-FOLDER MODEL SIZES OUTPUT INPUT…: used by measure.py, the numbers in the cards come from here.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

process.env.ORT_DISABLE_TELEMETRY = "1";
const [runtime, model, sizes, output, ...inputs] = process.argv.slice(2);
const { InferenceSession, Tensor } = createRequire(join(resolve(runtime), "package.json"))("onnxruntime-node");

const [count, ...shape] = sizes.split(",").map(Number);
const size = shape.reduce((a, b) => a * b, 1);
const arrays = inputs.map((path) => {
  const bytes = readFileSync(path);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
});
const session = await InferenceSession.create(model, { intraOpNumThreads: 1 });
const parts = [];
for (let start = 0; start < count; start += 100) {
  const end = Math.min(start + 100, count);
  const feeds = session.inputNames.map((name, i) => [
    name,
    new Tensor("float32", arrays[i].slice(start * size, end * size), [end - start, ...shape]),
  ]);
  const result = (await session.run(Object.fromEntries(feeds)))[session.outputNames[0]];
  parts.push(Buffer.from(Float32Array.from(result.data).buffer));
}
writeFileSync(output, Buffer.concat(parts));
