import { type DeviceSetting, resolveDevices } from './devices.ts';
import type { Inference } from './session.ts';
import { checkDevice } from './try-device.ts';

/** Name of the resource whose units are devices: one task at a time computes on each. */
export const GPU = 'gpu';

interface Params {
  readonly device: DeviceSetting;
  readonly threads: number;
}

/**
 * What a task that runs a network needs of the machine: one of its devices, or as many jobs as it has threads. Throws a
 * ParameterError when a device can't be used here.
 */
export async function inferenceNeeds({ device, threads }: Params) {
  const { provider, names } = resolveDevices(device);
  if (provider === 'cpu') {
    const note = `runs on the CPU${threads > 1 ? `, ${threads} threads a task` : ''}`;
    return { units: {}, jobs: threads, note };
  }
  // Else CUDA rounds the factors of float32 products to ten bits. Libraries read it from the process, not from a thread.
  if (provider === 'cuda') process.env.NVIDIA_TF32_OVERRIDE = '0';
  for (const name of names) await checkDevice(name);
  return { units: { [GPU]: names }, note: `runs on ${names.join(' and ')}` };
}

/**
 * How a task computes: on the device that it was given, else on the processor. `warn` is told what a person should know who
 * asked for float16.
 */
export function inferenceOn(
  device: string | undefined,
  { threads, precision }: Pick<Inference, 'threads' | 'precision'>,
  warn: (message: string) => void,
): Inference {
  if (precision === 'float16') warn(device === undefined ? `${FLOAT16_WARNING} ${SLOWER}` : FLOAT16_WARNING);
  return device === undefined ? { threads, precision } : { device, precision };
}

const FLOAT16_WARNING =
  'Computed in float16: activations have three significant digits. Units come out equal on more images, and ties change which ' +
  'images are selected, so scores differ a little from those in float32; activations beyond 65,504 are an error.';
const SLOWER = 'On the CPU it is no faster.';
