import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { copyProject, type Project } from '../support/project.ts';

let project: Project;
beforeAll(async () => {
  project = await copyProject();
});

describe('JSON Schemas', { timeout: 60_000 }, () => {
  test('the committed ones are those that mis schema prints', async () => {
    const { stdout } = await project.mis('schema');
    const schemas = JSON.parse(stdout) as Record<string, unknown>;
    const files = readdirSync(project.path('schemas')).sort();
    expect(files).toEqual(
      Object.keys(schemas)
        .map((name) => `${name}.schema.json`)
        .sort(),
    );
    for (const [name, schema] of Object.entries(schemas))
      expect(JSON.parse(project.read(`schemas/${name}.schema.json`)), name).toEqual(schema);
  });

  test('every YAML file of the repository names its own and keeps to it', () => {
    const files = ['pipeline.yaml', ...yamlFiles('configs')];
    expect(files.length).toBeGreaterThan(4);
    for (const file of files) {
      const text = project.read(file);
      const [, named] = /^# yaml-language-server: \$schema=(\S+)\n/.exec(text) ?? [];
      expect(named, `${file} names a schema in its first line`).toBeDefined();
      const schema = JSON.parse(readFileSync(resolve(project.path(dirname(file)), named!), 'utf8'));
      const validate = new Ajv2020({ strict: false, allErrors: true }).compile(schema);
      validate(parse(text));
      expect(validate.errors ?? [], file).toEqual([]);
    }
  });

  test('they refuse what the program refuses', () => {
    const schema = JSON.parse(project.read('schemas/config.schema.json'));
    const validate = new Ajv2020({ strict: false }).compile(schema);
    const config = parse(project.read('configs/default.yaml'));
    expect(validate(config)).toBe(true);
    expect(validate({ ...config, taks: {} })).toBe(false);
    expect(validate({ ...config, task: { ...config.task, n: 'many' } })).toBe(false);
    expect(validate({ ...config, score: { ...config.score, 'alpha-role': 'divisor' } })).toBe(false);
  });

  const yamlFiles = (folder: string): string[] =>
    readdirSync(project.path(folder), { recursive: true })
      .map((name) => join(folder, String(name)))
      .filter((name) => /\.ya?ml$/.test(name));
});
