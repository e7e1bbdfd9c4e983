import { readFileSync, rmSync } from 'node:fs';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Event } from '../../engine/run/events.ts';
import { expectRefused, recordsOf } from '../support/refused.ts';
import { type SmallProject, smallProject } from '../support/small.ts';
import { writeTar } from '../support/tar.ts';

let project: SmallProject;
let good: string[];
beforeAll(async () => {
  project = await smallProject({ perClass: 10 });
  expect((await project.run(...project.config)).end).toMatchObject({ failed: 0, blocked: 0 });
  good = recordsOf(project);
}, 120_000);

const run = (...args: string[]) => ['run', ...project.config, ...args];

/** After what failed is put right, the next run has nothing to do: what was finished before still counts. */
async function expectUnharmed() {
  expect(recordsOf(project)).toEqual(good);
  expect((await project.run(...project.config)).end).toMatchObject({ failed: 0, ran: 0 });
}

/** A run with one more file among the images. */
async function refusedImage(name: string, bytes: Uint8Array, ...says: RegExp[]) {
  const file = `small/images/cat/${name}`;
  project.write(file, bytes);
  try {
    await expectRefused(project, run(), ...says);
  } finally {
    rmSync(project.path(file));
  }
  await expectUnharmed();
}

describe('data that is damaged stops the run with its name', { timeout: 60_000 }, () => {
  const noise = () =>
    sharp({
      create: {
        width: 64,
        height: 64,
        channels: 3,
        background: 'red',
        noise: { type: 'gaussian', mean: 120, sigma: 60 },
      },
    });

  test('a truncated JPEG', async () => {
    const whole = await noise().jpeg().toBuffer();
    await refusedImage('cut.jpg', whole.subarray(0, whole.length / 2), /cat\/cut\.jpg/, /on-error: skip/);
  });

  test('a text file named .png', async () => {
    await refusedImage('text.png', Buffer.from('not an image\n'), /cat\/text\.png/, /on-error: skip/);
  });

  test('on-error: skip leaves such images out, and lists them', async () => {
    project.write('small/images/cat/text.png', 'not an image\n');
    const ended = await project.run(...project.config, '--set', 'dataset.on-error=skip');
    expect(ended.end).toMatchObject({ failed: 0, blocked: 0 });
    const warnings = ended.events.filter(
      (event): event is Extract<Event, { event: 'warning' }> => event.event === 'warning',
    );
    expect(warnings.map(({ message }) => message).join()).toMatch(/cat\/text\.png/);
    expect(project.read('report/index.html')).toContain('cat/text.png');
    rmSync(project.path('small/images/cat/text.png'));
    await project.run(...project.config);
    good = recordsOf(project);
  });

  test('an image that changes after it was indexed is never taken for the one before', async () => {
    const file = 'small/images/cat/later.png';
    project.write(file, await noise().png().toBuffer());
    expect((await project.run('index-dataset', ...project.config)).end.failed).toBe(0);
    const other = await noise().blur(3).png().toBuffer();
    project.write(file, other);
    expect((await project.run('embed-images', ...project.config)).end.failed).toBe(0);
    rmSync(project.path(file));
    await project.run(...project.config);
    good = recordsOf(project);
  });

  test('a tar whose names climb out of it', async () => {
    const image = await noise().png().toBuffer();
    project.write(
      'small/evil.tar',
      writeTar([
        ['a.png', image],
        ['../../evil.png', image],
      ]),
    );
    await expectRefused(
      project,
      run('--set', 'dataset.path=small/evil.tar', '--set', 'dataset.format=auto'),
      /evil\.tar/,
      /\.\.\/\.\.\/evil\.png/,
    );
    project.write('small/cut.tar', writeTar([['a.png', image]]).subarray(0, 700));
    await expectRefused(
      project,
      run('--set', 'dataset.path=small/cut.tar', '--set', 'dataset.format=auto'),
      /cut\.tar/,
    );
    await expectUnharmed();
  });

  test('a folder without images', async () => {
    project.write('small/empty/notes.txt', 'nothing');
    await expectRefused(project, run('--set', 'dataset.path=small/empty'), /small\/empty/, /\.png/);
    await expectUnharmed();
  });
});

describe('models and settings that do not fit', { timeout: 60_000 }, () => {
  test('a layer that the model does not have', async () => {
    await expectRefused(
      project,
      run('--set', 'models=[{name: resnet, model: demo/models/resnet.onnx, layers: [stem.7]}]'),
      /stem\.7/,
      /stem\.[01]/,
    );
    await expectUnharmed();
  });

  test('an ONNX file cut in half', async () => {
    const bytes = readFileSync(project.path('demo/models/resnet.onnx'));
    project.write('small/half.onnx', bytes.subarray(0, bytes.length / 2));
    await expectRefused(project, run('--set', 'models=[{name: half, model: small/half.onnx}]'), /half\.onnx/);
    project.write('small/text.onnx', 'no model at all');
    await expectRefused(project, run('--set', 'models=[{name: text, model: small/text.onnx}]'), /text\.onnx/);
    await expectRefused(project, ['models', 'inspect', 'small/half.onnx'], /half\.onnx/);
    await expectUnharmed();
  });

  test('an encoder whose output is no embedding', async () => {
    await expectRefused(
      project,
      run(
        '--set',
        'encoders=[{name: e, model: demo/encoders/encoder.onnx, similarity: cosine, output: nothing}]',
      ),
      /nothing/,
      /embedding/,
    );
    await expectUnharmed();
  });

  test('N too large for the data: the largest that would fit is told', async () => {
    await expectRefused(project, run('--set', 'task.n=13'), /\b13\b/, /\b12\b/, /\b100\b/);
    await expectRefused(project, run('--set', 'task.k=10'), /\b10\b/, /\b9\b/);
    await expectUnharmed();
  });

  test('a report folder that holds something else of that name', async () => {
    const page = project.read('report/index.html');
    rmSync(project.path('report'), { recursive: true });
    project.write('report/index.html', 'mine');
    await expectRefused(project, run(), /report\/index\.html/);
    expect(project.read('report/index.html')).toBe('mine');
    rmSync(project.path('report'), { recursive: true });
    await expectUnharmed();
    expect(project.read('report/index.html')).toBe(page);
  });
});
