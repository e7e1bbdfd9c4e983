import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { create } from '@bufbuild/protobuf';
import { ParameterError } from '../../common/errors.ts';
import { encode, floatTensor, makeNode, makeValue } from './build.ts';
import { cudaDevices, hasCuda, indexOf, type Provider, providerOf, thisMachine } from './devices.ts';
import { FLOAT } from './model.ts';
import { GraphProtoSchema, ModelProtoSchema, OperatorSetIdProtoSchema } from './onnx_pb.ts';
import { executionProvider } from './session.ts';

const SCRIPT = fileURLToPath(new URL('./try-device.mjs', import.meta.url));
/** A GPU's driver may take its time to start. */
const PATIENCE_MS = 120_000;
const tried = new Map<string, Promise<string | undefined>>();

/**
 * Makes sure that a device can be used, by running a small convolution on it in another process; once a process. Throws a
 * ParameterError of `device` that says why not, what there is, and what to do.
 */
export async function checkDevice(name: string): Promise<void> {
  const provider = providerOf(name);
  const { listSupportedBackends } = await import('onnxruntime-node');
  const machine = thisMachine();
  const there = listSupportedBackends()
    .map((backend) => backend.name as string)
    .filter((each) => each !== 'tensorrt' && (each !== 'cuda' || hasCuda(machine)));
  const fail = (why: string, what: string) => {
    const others = there.filter((each) => each !== provider).join(', ');
    const hint = `${what} Other providers of this installation: ${others}. Set \`device\` to one of these.`;
    return new ParameterError('device', `the device ${name} can't be used: ${why}`, hint);
  };
  if (!there.includes(provider))
    throw fail(`onnxruntime has no provider "${provider}" here`, ABSENT[provider] ?? '');
  const visible = cudaDevices(machine);
  if (provider === 'cuda' && visible > 0 && indexOf(name) >= visible)
    throw fail(
      `there ${visible === 1 ? 'is one CUDA device' : `are ${visible} CUDA devices`}, cuda:0${visible > 1 ? ` to cuda:${visible - 1}` : ''}`,
      'CUDA_VISIBLE_DEVICES says which ones a process may use.',
    );
  const known = tried.get(name) ?? tryOut(name);
  tried.set(name, known);
  const why = await known;
  if (why !== undefined) throw fail(why, NEEDS[provider] ?? '');
}

const ABSENT: Partial<Record<Provider, string>> = {
  cuda: 'CUDA comes apart from the npm package, for Linux on x64 alone: ONNXRUNTIME_NODE_INSTALL=true node node_modules/onnxruntime-node/script/install.js fetches it.',
  webgpu: 'The package has WebGPU for Windows, macOS, and Linux on x64.',
  coreml: 'The package has CoreML for macOS.',
  dml: 'The package has DirectML for Windows.',
};

const NEEDS: Partial<Record<Provider, string>> = {
  cuda: "It needs NVIDIA's driver, CUDA 12 and cuDNN 9 where the system finds libraries (LD_LIBRARY_PATH).",
  webgpu: 'On Linux it needs Vulkan (libvulkan1) and a Vulkan driver for the GPU.',
};

/** Why a device can't be used; undefined where it can. */
async function tryOut(name: string): Promise<string | undefined> {
  const model = Buffer.from(trial()).toString('base64');
  const provider = executionProvider(name);
  const child = spawn(process.execPath, [SCRIPT, JSON.stringify({ model, provider })], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: PATIENCE_MS,
  });
  const [out, err] = [child.stdout, child.stderr].map(async (stream) => {
    let text = '';
    for await (const chunk of stream) text += String(chunk);
    return text;
  });
  const ended = await new Promise<string>((resolve) => {
    child.on('error', ({ message }) => resolve(message));
    child.on('close', (code, signal) => resolve(signal ? `signal ${signal}` : `exit code ${code}`));
  });
  return reasonIn(await out!, await err!, ended);
}

/**
 * What went wrong, from what the process printed. A library that another one lacks is named in its log alone.
 *
 * @param ended how the process ended, in words
 */
export function reasonIn(out: string, err: string, ended: string): string | undefined {
  const line = out.trim().split('\n').at(-1) ?? '';
  if (!line.startsWith('{')) return `a trial of it ended with ${ended}`;
  const { error } = JSON.parse(line) as { error?: string };
  if (error === undefined) return undefined;
  const library = /with error: (?:\S*\/)?(.+)/.exec(err)?.[1];
  const told = library ?? /was false\. (.+)/.exec(error)?.[1] ?? error.split('\n')[0]!;
  return told.trim().replace(/\.$/, '');
}

/** A convolution of ones, 3 × 3 over three channels: 27 everywhere for an input of ones. */
function trial(): Uint8Array {
  const graph = create(GraphProtoSchema, {
    name: 'trial',
    node: [makeNode('Conv', ['x', 'w'], ['y'])],
    initializer: [floatTensor([1, 3, 3, 3], new Float32Array(27).fill(1), 'w')],
    input: [makeValue('x', FLOAT, ['N', 3, 8, 8])],
    output: [makeValue('y', FLOAT, ['N', 1, 6, 6])],
  });
  const opsetImport = [create(OperatorSetIdProtoSchema, { domain: '', version: 17n })];
  return encode(create(ModelProtoSchema, { irVersion: 8n, graph, opsetImport }));
}
