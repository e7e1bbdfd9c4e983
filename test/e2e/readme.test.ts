import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { copyProject, type Project } from '../support/project.ts';

let project: Project;
/** Two networks, a checkpoint and a fifth of the demo's images: what is written holds for them as well, in less time. */
beforeAll(async () => {
  project = await copyProject();
  project.edit('configs/datasets/cifar10.yaml', '{00000..00004}', '{00000..00000}');
  project.edit('configs/default.yaml', '[resnet-w050, vgg, vit]', '[resnet]');
  project.edit('configs/default.yaml', '  - models/checkpoints/*.yaml\n', '');
  for (const folder of ['configs/models', 'configs/models/untrained'])
    for (const name of readdirSync(project.path(folder)))
      if (name.endsWith('.yaml') && !/^(resnet|resnet-w025|resnet-w025-epoch-0)\.yaml$/.test(name))
        rmSync(project.path(folder, name));
});

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const blocks = (language: string) =>
  [...readme.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map((match) => match[1]!);

/** Command lines as a shell splits these simple ones: by blanks, without their remarks. */
const commands = blocks('sh')
  .flatMap((block) => block.split('\n'))
  .map((line) => line.replace(/\s#.*$/, '').trim())
  .filter((line) => line.startsWith('npx mis '))
  .map((line) => line.split(/\s+/).slice(2));

/** Every Markdown file of the repository outside the packages. */
function markdownFiles(): string[] {
  const found: string[] = [];
  const look = (folder: string) => {
    for (const entry of readdirSync(project.path(folder), { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) look(path);
      else if (entry.name.endsWith('.md')) found.push(path);
    }
  };
  look('.');
  return found;
}

describe('README', { timeout: 120_000 }, () => {
  test('its example adds a model, as written, to the default run', async () => {
    const [example] = blocks('yaml').filter((block) => block.includes('mynet.onnx'));
    copyFileSync(project.path('demo/models/vgg.onnx'), project.path('mynet.onnx'));
    project.write('configs/models/mynet.yaml', example!);
    const { end, events } = await project.run();
    expect(end).toMatchObject({ failed: 0, blocked: 0 });
    const told = events.filter((event) => event.event === 'task' && event.vars.model === 'mynet');
    expect(told.length).toBeGreaterThan(5);
    expect(project.read('report/tables/models.csv')).toMatch(/^mynet,/m);
  }, 240_000);

  test('its commands work', async () => {
    expect(commands.length).toBeGreaterThan(10);
    for (const args of commands) {
      const { code, stdout, stderr } = await project.mis(...args);
      expect(stderr, args.join(' ')).toBe('');
      expect(code, args.join(' ')).toBe(0);
      expect(stdout, args.join(' ')).not.toBe('');
    }
  }, 240_000);

  test('its links, and those of the cards, lead to files', () => {
    for (const file of markdownFiles()) {
      const text = project.read(file).replace(/```[\s\S]*?```/g, '');
      for (const [, target] of text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
        if (/^[a-z]+:/.test(target!)) continue;
        expect(existsSync(resolve(project.path(dirname(file)), target!)), `${file}: ${target}`).toBe(true);
      }
    }
  });
});
