import { z } from 'zod';
import { DEVICE, indexOf, providerOf } from './devices.ts';

const device = z.string().regex(DEVICE, {
  error: 'auto | cpu | cuda | cuda:N | webgpu | coreml | dml | dml:N (N = 0, 1, …)',
});

/** Several devices work side by side on what must be the same result. */
const several = z
  .array(device)
  .min(1)
  .superRefine((names, context) => {
    const providers = names.map(providerOf);
    const devices = names.map((name) => `${providerOf(name)} ${indexOf(name)}`);
    for (const [i, name] of names.entries()) {
      const say = (message: string) => context.addIssue({ code: 'custom', path: [i], message });
      if (names.length > 1 && name === 'auto') say('"auto" stands alone; name each device (cuda:0, cuda:1)');
      else if (devices.indexOf(devices[i]!) < i) say(`"${name}" is listed twice`);
      else if (providers[i] !== providers[0])
        say(
          `"${names[0]}" and "${name}" compute with different providers, whose results differ in their last digits: which image was computed where would count. List devices of one provider`,
        );
    }
  });

/** Parameters of every stage that runs a network. */
export const inferenceParams = {
  device: z.union([device, several]).default('auto').meta({
    description:
      'What networks run on: auto (the first CUDA device, if CUDA was added, else the CPU), cpu, cuda or cuda:N, webgpu, coreml, dml or dml:N; a list of devices of one provider to use them side by side. The provider counts, which device doesn’t.',
  }),
  threads: z.int().min(1).max(1024).default(1).meta({
    description:
      'CPU threads that compute one batch; such a task counts as so many of --jobs. Results do not depend on it.',
  }),
  precision: z.enum(['float32', 'float16']).default('float32').meta({
    description:
      'float16: networks of float32 are converted, for GPUs. Activations then have three significant digits, so that ties change which images are selected.',
  }),
  batch: z.int().min(1).max(4096).optional().meta({
    description: 'Images run together; by default what the image size suggests. Results do not depend on it.',
  }),
};

/** Those that can't change a result; of the device it is the provider alone that can (see `runtimeEnvironment`). */
export const UNCOUNTED = ['device', 'threads', 'batch'] as const;
