import { rmSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { expectRefused, recordsOf } from '../support/refused.ts';
import { type SmallProject, smallProject } from '../support/small.ts';

let project: SmallProject;
beforeAll(async () => {
  project = await smallProject({ perClass: 5 });
});

/** Changes a file for the time of one run that must be refused. */
async function refusedWith(file: string, from: string, to: string, ...says: (string | RegExp)[]) {
  const whole = project.read(file);
  project.edit(file, from, to);
  try {
    await expectRefused(project, ['run', ...project.config], ...says);
  } finally {
    project.write(file, whole);
  }
}

describe('what is wrong in the YAML is told with its place, before anything runs', {
  timeout: 60_000,
}, () => {
  test('an unknown key', async () => {
    await refusedWith(
      'small/config.yaml',
      'alpha: 0.16',
      'alfa: 0.16',
      /small\/config\.yaml:\d+:\d+/,
      /\n.*alfa/,
      /alpha/,
    );
  });

  test('an unknown key of a model', async () => {
    await refusedWith(
      'small/models/resnet.yaml',
      'preprocess:',
      'preproces:',
      /small\/models\/resnet\.yaml:\d+:\d+/,
      /preprocess/,
    );
  });

  test('an unknown key inside a parameter', async () => {
    await refusedWith('small/models/resnet.yaml', 'mean:', 'maen:', /resnet\.yaml:\d+:\d+/, /maen/, /mean/);
  });

  test('a wrong type', async () => {
    await refusedWith('small/config.yaml', 'k: 3', 'k: three', /config\.yaml:\d+:\d+/, /three/, /number/i);
    await refusedWith('small/config.yaml', 'k: 3', 'k: -3', /config\.yaml:\d+:\d+/, /-3/);
    await refusedWith(
      'small/config.yaml',
      'shards: 3',
      'shards: [3]',
      /config\.yaml:\d+:\d+/,
      /number|integer/i,
    );
  });

  test('YAML that is none', async () => {
    await refusedWith('small/config.yaml', 'task: { n: 5', 'task: { n: 5 }}', /config\.yaml:\d+:\d+/);
  });

  test('a missing model file', async () => {
    await refusedWith(
      'small/models/resnet.yaml',
      'resnet.onnx',
      'resnot.onnx',
      /resnet\.yaml:\d+:\d+/,
      /resnot\.onnx/,
    );
  });

  test('a missing data set', async () => {
    await refusedWith('small/config.yaml', 'path: images', 'path: imagos', /config\.yaml:\d+:\d+/, /imagos/);
  });

  test('a missing key', async () => {
    await refusedWith('small/config.yaml', 'k: 3, ', '', /task\.k|"k"/);
  });

  test('a config or a stage that does not exist', async () => {
    await expectRefused(project, ['run', '-c', 'small/other.yaml'], /small\/other\.yaml/);
    await expectRefused(project, ['run', 'score-mix', ...project.config], /score-mix/, /score-mis/);
    await expectRefused(project, ['run', ...project.config, '--set', 'score.alfa=1'], /alfa/, /alpha/);
    await expectRefused(project, ['run', ...project.config, '--set', 'score.alpha'], /--set/);
    await expectRefused(project, ['why', 'nothing', ...project.config], /nothing/);
  });

  test('a cycle in the pipeline', async () => {
    await refusedWith(
      'pipeline.yaml',
      'margins: ${compare-pairs.margins}',
      'margins: ${report.report}',
      /pipeline\.yaml/,
      /score-pairs/,
      /report/,
      /cycle|circle|itself/i,
    );
  });

  test('a reference to nothing in the pipeline', async () => {
    await refusedWith(
      'pipeline.yaml',
      'margins: ${compute-similarity.margins}',
      'margins: ${compute-similarity.margin}',
      /pipeline\.yaml:\d+:\d+/,
      /margins/,
    );
    await refusedWith(
      'pipeline.yaml',
      'uses: ./stages/compute-similarity',
      'uses: ./stages/compute-similarty',
      /pipeline\.yaml:\d+:\d+/,
      /compute-similarty/,
    );
  });

  test('a folder without models', async () => {
    const model = project.read('small/models/resnet.yaml');
    rmSync(project.path('small/models/resnet.yaml'));
    await expectRefused(project, ['run', ...project.config], /models/, /config\.yaml:\d+:\d+/);
    project.write('small/models/resnet.yaml', model);
  });

  test('nothing of all this was stored', () => {
    expect(recordsOf(project)).toEqual([]);
  });
});
