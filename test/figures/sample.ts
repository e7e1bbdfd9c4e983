import sharp from 'sharp';
import type { FigureData, TrainingData, UnitPoint } from '../../figures/figure.ts';
import type { SweepData, SweepPoint } from '../../figures/sweep.ts';
import type { ExtremesData, Picture, PictureTask } from '../../figures/task-pictures.ts';
import { bootstrapMean } from '../../stats/bootstrap.ts';
import { randomStreams } from '../../stats/random.ts';
import { mean, percentiles } from '../../stats/summary.ts';
import type { LayerRow, ModelRow } from '../../tables/report-tables.ts';

/** A made-up study: models with a few layers of several types, scores that differ by type and depth. */
export async function sampleData({
  models = ['conv-8', 'mixer-s', 'resnet-8'],
  encoders = ['ae'],
  width = 16,
  layers = 12,
  types = ['conv', 'batch-norm', 'linear'],
} = {}): Promise<FigureData> {
  const bootstrap = { resamples: 200, seed: 1 };
  const units: UnitPoint[] = [];
  const layerRows: LayerRow[] = [];
  const modelRows: ModelRow[] = [];
  for (const encoder of encoders) {
    for (const [m, model] of models.entries()) {
      const random = randomStreams('sample', encoder, model);
      const uniform = () => random.next() / 2 ** 32;
      const own: UnitPoint[] = [];
      for (let l = 0; l < layers; l++) {
        const type = types[l === layers - 1 ? types.length - 1 : l % Math.max(1, types.length - 1)]!;
        const size = width * (1 + Math.floor((l * 3) / layers));
        const place = {
          layer_type: type,
          relative_depth: l / (layers - 1),
          relative_width: size / (3 * width),
        };
        const points = Array.from(
          { length: size - (l === 3 ? Math.min(size - 1, 2 + m) : 0) },
          (_, unit) => ({
            model,
            encoder,
            layer: `layers.${l}.${type}`,
            unit,
            ...place,
            mis: Math.min(
              0.999,
              Math.max(
                0.3,
                0.56 +
                  0.015 * m +
                  0.12 * place.relative_depth ** 2 +
                  (type === 'conv' ? 0.04 : 0) +
                  0.16 * (uniform() + uniform() + uniform() - 1.5),
              ),
            ),
          }),
        );
        own.push(...points);
        const summary = summaryOf(
          points.map((point) => point.mis),
          encoder,
          model,
          l,
        );
        layerRows.push({
          model,
          encoder,
          layer: `layers.${l}.${type}`,
          ...place,
          depth: l,
          width: size,
          units: size,
          constant_units: size - points.length,
          ...summary,
          task_accuracy: 0.7,
        });
      }
      units.push(...own);
      const total = layerRows.filter((row) => row.model === model && row.encoder === encoder);
      modelRows.push({
        model,
        encoder,
        ...summaryOf(
          own.map((point) => point.mis),
          encoder,
          model,
          -1,
        ),
        task_accuracy: 0.71,
        mean_margin: 0.08,
        layers,
        units: total.reduce((sum, row) => sum + row.units, 0),
        constant_units: total.reduce((sum, row) => sum + row.constant_units, 0),
        top1: 0.8 + 0.03 * ((m * 7) % 5),
        top5: 0.97,
      });
    }
  }
  return {
    models: modelRows,
    layers: layerRows,
    units,
    tasks: await sampleTasks(models, encoders),
    encoders,
    training: sampleTraining(modelRows, units),
    extremes: await sampleExtremes(models, encoders),
    bootstrap,
  };
}

const EPOCHS = [0, 0.25, 1, 4];

/** Every model as the end of a run that began with weights scoring lower; the first with states in between. */
function sampleTraining(models: readonly ModelRow[], units: readonly UnitPoint[]): TrainingData {
  const first = models[0]!.model;
  const names = [...new Set(models.map((row) => row.model))];
  const states = names.flatMap((run) => [
    ...EPOCHS.filter((epoch) => epoch === 0 || run === first).map((epoch) => ({
      model: `${run}@${epoch}`,
      run: `run of ${run}`,
      epoch,
      trained: run,
    })),
  ]);
  const lower = (value: number, epoch: number): number => value - 0.1 * (1 - epoch / 8);
  return {
    checkpoints: [
      ...states.map(({ model, run, epoch }) => ({ model, run, epoch })),
      ...names.map((model) => ({ model, run: `run of ${model}`, epoch: 8 })),
    ],
    models: states.flatMap(({ model, epoch, trained }) =>
      models
        .filter((row) => row.model === trained)
        .map((row) => ({
          ...row,
          model,
          mis: lower(row.mis!, epoch),
          mis_low: lower(row.mis_low!, epoch),
          mis_high: lower(row.mis_high!, epoch),
          top1: 0.1 + (row.top1! - 0.1) * (epoch / 8) ** 0.3,
        })),
    ),
    units: states.flatMap(({ model, epoch, trained }) =>
      units
        .filter((unit) => unit.model === trained)
        .map((unit) => ({ ...unit, model, mis: lower(unit.mis, epoch) })),
    ),
  };
}

async function sampleExtremes(models: readonly string[], encoders: readonly string[]): Promise<ExtremesData> {
  const nine = (from: number) => Promise.all(Array.from({ length: 9 }, (_, i) => picture(from + i)));
  const [encoder] = encoders as [string];
  const subject = (model: string, i: number) => {
    return { model, encoder, layer: `layers.${i}.conv`, layer_type: 'conv', unit: 5 * i };
  };
  const units = models.map(async (model, i) => ({
    ...subject(model, i),
    mis: 0.9 - 0.1 * i,
    mis_low: 0.85 - 0.1 * i,
    mis_high: 0.95 - 0.1 * i,
    reason: 'highest MIS',
    most: await nine(20 * i),
    least: await nine(400 + 20 * i),
  }));
  const changed = models.map(async (model, i) => ({
    run: `run of ${model}`,
    ...subject(model, i),
    before: { model: `${model}@0`, epoch: 0, mis: 0.52, most: await nine(600 + 20 * i) },
    after: { model, epoch: 8, mis: 0.93 - 0.05 * i, most: await nine(20 * i) },
  }));
  return { units: await Promise.all(units), changed: await Promise.all(changed) };
}

/** A made-up sweep: α, N, K and difficulty vary one at a time; one unit of each model is constant. */
export function sampleSweep({
  models = ['conv-8', 'resnet-8'],
  encoders = ['ae'],
  units = 40,
  own = { alpha: 0.16, n: 10, k: 9, difficulty: 'easy' as string | number },
} = {}): SweepData {
  const settings = [
    { setting: '' },
    ...[0.04, 0.08, 0.32, 0.64].map((alpha) => ({ setting: `score.alpha=${alpha}`, alpha })),
    ...[1, 2, 3, 5, 7].map((n) => ({ setting: `task.n=${n}`, n })),
    ...[1, 3, 5].map((k) => ({ setting: `task.k=${k}`, k })),
    ...['medium', 'hard', 0.2].map((difficulty) => ({
      setting: `task.difficulty=${difficulty}`,
      difficulty,
    })),
  ];
  const points = encoders.flatMap((encoder) =>
    models.flatMap((model, m) =>
      settings.map(({ setting, ...changed }) =>
        samplePoint({ ...own, ...changed, setting, model, encoder }, units, 0.02 * m),
      ),
    ),
  );
  return { points, bootstrap: { resamples: 200, seed: 1 } };
}

function samplePoint(
  point: Omit<SweepPoint, 'mis' | 'task_accuracy' | 'p'>,
  units: number,
  more: number,
): SweepPoint {
  const { alpha, n, k, difficulty } = point;
  const harder = difficulty === 'easy' ? 0 : typeof difficulty === 'number' ? difficulty : 0.05;
  const p = new Float64Array(units * n).fill(Number.NaN);
  const right = new Float64Array(units * n).fill(Number.NaN);
  // tasks differ with everything but α
  const random = randomStreams('sweep', point.model, n, k, String(difficulty));
  for (let i = n; i < p.length; i++) {
    const uniform = () => random.next() / 2 ** 32 - 0.5;
    const level = 0.3 * Math.sin(Math.floor(i / n)) ** 2;
    const margin = level + more + 0.01 * k - harder + 0.3 * (uniform() + uniform());
    p[i] = 1 / (1 + Math.exp(-margin / alpha));
    right[i] = margin > 0 ? 1 : 0;
  }
  const means = (values: Float64Array) =>
    Float64Array.from({ length: units }, (_, unit) => mean(values.subarray(unit * n, (unit + 1) * n)));
  return { ...point, mis: means(p), task_accuracy: means(right), p: point.setting === '' ? p : undefined };
}

function summaryOf(values: readonly number[], ...key: (string | number)[]) {
  const { low, high } = bootstrapMean(values, randomStreams('sample', ...key), { resamples: 200 });
  const [p05, p95] = percentiles(values, [0.05, 0.95]);
  return { mis: mean(values), mis_low: low, mis_high: high, mis_p05: p05!, mis_p95: p95! };
}

/** A coloured 32 × 32 picture of an image number. */
export async function samplePng(image: number): Promise<Buffer> {
  const pixels = Buffer.from(
    Array.from({ length: 32 * 32 * 3 }, (_, i) => (image * 37 + i * ((image % 5) + 1)) % 256),
  );
  return sharp(pixels, { raw: { width: 32, height: 32, channels: 3 } })
    .png()
    .toBuffer();
}

async function picture(image: number): Promise<Picture> {
  const data = `data:image/png;base64,${(await samplePng(image)).toString('base64')}`;
  return {
    image,
    path: `cat/${image}.png`,
    label: 'cat',
    data,
    file: `images/${image}.png`,
    width: 32,
    height: 32,
  };
}

async function sampleTasks(models: readonly string[], encoders: readonly string[]): Promise<PictureTask[]> {
  const subjects = encoders.flatMap((encoder) =>
    models.flatMap((model) => ['highest MIS', 'lowest MIS'].map((reason) => ({ encoder, model, reason }))),
  );
  return Promise.all(
    subjects.map(async ({ encoder, model, reason }, i) => ({
      model,
      encoder,
      layer: `layers.${i}.conv`,
      layer_type: 'conv',
      unit: 3 * i,
      mis: 0.9 - 0.05 * i,
      mis_low: 0.85 - 0.05 * i,
      mis_high: 0.95 - 0.05 * i,
      task_accuracy: 0.8,
      reason,
      task: 4,
      margin: 0.2 - 0.05 * i,
      p: 0.8 - 0.05 * i,
      query_plus: await picture(100 + i),
      query_minus: await picture(200 + i),
      references_plus: await Promise.all(Array.from({ length: 9 }, (_, j) => picture(10 * i + j))),
      references_minus: await Promise.all(Array.from({ length: 9 }, (_, j) => picture(10 * i + j + 300))),
    })),
  );
}
