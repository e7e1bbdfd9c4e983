import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { copyProject, type Project } from '../support/project.ts';
import { INSTALL, pythonWith, runPython } from '../support/python.ts';
import { writeStubs } from '../support/stubs.ts';

const GUIDES = ['from-pytorch', 'imagenet', 'settings'];
const text = (guide: string) => readFileSync(new URL(`../../docs/${guide}.md`, import.meta.url), 'utf8');
const blocks = (guide: string, language: string) =>
  [...text(guide).matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(
    (match) => match[1]!,
  );

/** The guide's first export, with weights that need not be had from elsewhere. */
const exporting = {
  python: pythonWith('torch', 'torchvision', 'onnx'),
  args: [
    ...['tools/export_model.py', 'torchvision/resnet18:IMAGENET1K_V1', '-o', 'models/resnet18.onnx'],
    ...['--untrained', '--size', '64', '--no-check'],
  ],
};

let project: Project;
/** The files that the guides tell to write, and stubs for those that they can't ship. */
beforeAll(async () => {
  project = await copyProject();
  for (const block of GUIDES.flatMap((guide) => blocks(guide, 'yaml'))) {
    const file = /^# (\S+\.yaml)\n/.exec(block)?.[1];
    expect(file, 'an example of YAML names its file').toBeDefined();
    project.write(file!, block);
  }
  const { python } = exporting;
  if (python) execFileSync(python, exporting.args, { cwd: project.folder, stdio: 'pipe' });
  writeStubs(project);
}, 120_000);

describe('the guides', { timeout: 120_000 }, () => {
  test.each(GUIDES)('%s: its commands work', async (guide) => {
    const commands = blocks(guide, 'sh')
      .flatMap((block) => block.split('\n'))
      .filter((line) => line.startsWith('npx mis '))
      .map((line) => line.split(/\s+/).slice(2));
    // Of the exports one has been done; the others are looked at by their first line.
    for (const [, tool] of text(guide).matchAll(/python (tools\/\S+\.py)/g))
      expect(existsSync(project.path(tool!)), tool).toBe(true);
    for (const args of commands) {
      const adds = args[1] === 'add';
      if (adds && !exporting.python) continue;
      const { code, stdout, stderr } = await project.mis(...args, ...(adds ? ['--force'] : []));
      if (!adds) expect(stderr, args.join(' ')).toBe('');
      expect(code, args.join(' ')).toBe(0);
      expect(stdout, args.join(' ')).not.toBe('');
    }
  });

  test('the settings that they name are keys of the configs', () => {
    const schema = JSON.stringify(JSON.parse(project.read('schemas/config.schema.json')));
    for (const [, path] of text('settings').matchAll(/`((?:task|score|report|dataset)\.[a-z.-]+)`/g))
      for (const key of path!.split('.')) expect(schema, path).toContain(`"${key}"`);
  });

  const { python } = exporting;
  test.skipIf(!python)(
    `the export works with PyTorch as written, but for weights from elsewhere (${INSTALL})`,
    async () => {
      const [program] = blocks('from-pytorch', 'python');
      const file = project.path('models/exported.onnx');
      const here = program!
        .replace('weights="IMAGENET1K_V1"', 'weights=None')
        .replace('models/resnet18.onnx', file)
        .replace('224, 224', '64, 64')
        .replace(/^ *dynamo=False.*\n/m, '');
      expect(dirname(file)).toBe(join(project.folder, 'models'));
      runPython(python!, `import warnings\nwarnings.simplefilter("ignore")\n${here}\nprint("null")`, null);
      const { stdout } = await project.mis('models', 'inspect', 'models/exported.onnx');
      expect(stdout.match(/batch-norm/g)!.length).toBeGreaterThanOrEqual(20);
      for (const name of ['conv1', 'layer1.0.conv1', 'layer2.0.downsample.1', 'layer4.1.bn2', 'fc'])
        expect(stdout).toMatch(new RegExp(`(^|\\s)${name.replaceAll('.', '\\.')}\\s`, 'm'));
    },
  );
});
