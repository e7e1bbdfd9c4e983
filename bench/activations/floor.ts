import { readFileSync } from 'node:fs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { prepare } from '../../vision/images/preprocess.ts';
import type { Preprocess } from '../../vision/images/preprocess-spec.ts';
import { resolvePreprocess } from '../../vision/images/preprocess-spec.ts';
import { timed } from '../measure.ts';

/** What a process is to do, as JSON on its standard input. */
export type Work =
  | {
      readonly kind: 'session';
      readonly model: string;
      readonly size: number;
      /** Sizes of batches. */
      readonly batches: readonly number[];
      /** How many images to run in batches of each size, at least. */
      readonly images: number;
    }
  | { readonly kind: 'decode'; readonly files: readonly string[]; readonly preprocess: Preprocess };

/** Images decoded side by side, as in the activation stage. */
const TOGETHER = 4;

/** Seconds of processor time for an image: for each size of batches, or the only one. */
async function measured(work: Work): Promise<number[]> {
  return work.kind === 'session' ? session(work) : [await decoding(work)];
}

/** The model as its file is, on float32 tensors that are there; one thread. */
async function session({ model, size, batches, images }: Work & { kind: 'session' }): Promise<number[]> {
  const bare = await InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  const found: number[] = [];
  for (const batch of batches) {
    const values = Float32Array.from({ length: batch * 3 * size * size }, (_, i) => Math.sin(i));
    const input = new Tensor('float32', values, [batch, 3, size, size]);
    const run = () => bare.run({ [bare.inputNames[0]!]: input });
    for (let i = 0; i < 2; i++) await run();
    const count = Math.ceil(images / batch);
    const { cpu } = await timed(async () => {
      for (let i = 0; i < count; i++) await run();
    });
    found.push(cpu / (batch * count));
  }
  return found;
}

/** Reading the files and making the network's pixels of them. */
async function decoding({ files, preprocess }: Work & { kind: 'decode' }): Promise<number> {
  const spec = resolvePreprocess(preprocess, ['N', 3, null, null]);
  const decode = (file: string) => prepare(readFileSync(file), file, spec, 'ignore');
  await Promise.all(files.slice(0, TOGETHER).map(decode));
  let next = 0;
  const { cpu } = await timed(() =>
    Promise.all(
      Array.from({ length: TOGETHER }, async () => {
        while (next < files.length) await decode(files[next++]!);
      }),
    ),
  );
  return cpu / files.length;
}

const work = JSON.parse(readFileSync(0, 'utf8')) as Work;
console.log(JSON.stringify(await measured(work)));
