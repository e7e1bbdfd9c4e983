import sharp from 'sharp';
import type { FigureData, UnitPoint } from '../../figures/figure.ts';
import type { Picture, PictureTask } from '../../figures/task-pictures.ts';
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
        const points = Array.from({ length: size - (l === 3 ? 2 + m : 0) }, () => ({
          model,
          encoder,
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
        }));
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
    bootstrap,
  };
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
