// Runs a model on a device, in a process of its own: where a driver is missing or broken, the runtime may print to the
// terminal and end the process. The parent reads one line of JSON: {} or {"error": …}.
import { InferenceSession, Tensor } from 'onnxruntime-node';

const { model, provider } = JSON.parse(process.argv[2]);
let told = {};
try {
  const session = await InferenceSession.create(Buffer.from(model, 'base64'), {
    executionProviders: [provider],
    logSeverityLevel: 4,
  });
  const data = new Float32Array(2 * 3 * 8 * 8).fill(1);
  const [input] = session.inputNames;
  const results = await session.run({ [input]: new Tensor('float32', data, [2, 3, 8, 8]) });
  const values = results[session.outputNames[0]].data;
  if (!values.every((value) => value === 27)) told = { error: `it computes 3 · 3 · 3 as ${values[0]}` };
} catch (error) {
  told = { error: error instanceof Error ? error.message : String(error) };
}
process.stdout.write(`\n${JSON.stringify(told)}\n`);
