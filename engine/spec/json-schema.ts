import { z } from 'zod';
import { PIPELINE } from './pipeline.ts';
import type { Shape } from './shape.ts';

type Schema = Record<string, unknown>;

const DRAFT = 'https://json-schema.org/draft/2020-12/schema';

/**
 * The JSON Schemas of all YAML files, by name: `pipeline`, `config`, and one for each section or list element that can
 * stand in a file of its own (`dataset`, `model`, …).
 */
export function jsonSchemas(shape: Shape): Record<string, Schema> {
  const schemas: Record<string, Schema> = {
    pipeline: { $schema: DRAFT, title: 'pipeline.yaml', ...plain(z.toJSONSchema(PIPELINE)) },
    config: { $schema: DRAFT, title: 'config', ...section(shape, ['extends']) },
  };
  for (const [key, child] of shape.children) {
    if (child.element && child.element.children.size > 0) {
      schemas[child.variable ?? key] = {
        $schema: DRAFT,
        title: child.variable ?? key,
        ...section(child.element, ['name']),
      };
    } else if (child.uses.length === 0 && child.children.size > 0) {
      schemas[key] = { $schema: DRAFT, title: key, ...section(child, []) };
    }
  }
  return schemas;
}

function plain(schema: object): Schema {
  const { $schema: _, ...rest } = schema as Schema;
  return rest;
}

function section(shape: Shape, names: readonly string[]): Schema {
  const properties: Schema = Object.fromEntries(names.map((name) => [name, { type: 'string' }]));
  const required: string[] = [];
  for (const [key, child] of shape.children) {
    properties[key] = value(child);
    if (child.uses.length > 0 && child.uses.every((use) => !use.optional)) required.push(key);
  }
  return {
    type: 'object',
    properties,
    ...(required.length > 0 && names[0] === 'name' && { required }),
    additionalProperties: false,
  };
}

const NOTHING = { type: 'null' };

const YAML_FILE = {
  type: 'string',
  pattern: '\\.ya?ml$',
  description: 'Name of a YAML file (or a glob of them) that holds this',
};

function value(shape: Shape): Schema {
  if (shape.element) {
    const element =
      shape.element.children.size > 0 ? { anyOf: [YAML_FILE, section(shape.element, ['name'])] } : {};
    return { anyOf: [{ type: 'array', items: element }, YAML_FILE] };
  }
  if (shape.uses.length === 0 && shape.children.size === 0) return {};
  if (shape.uses.length === 0)
    return { anyOf: [section(shape, []), YAML_FILE, ...(shape.filter ? [NOTHING] : [])] };
  const typed = shape.uses.find((use) => use.schema);
  if (typed?.schema) return plain(z.toJSONSchema(typed.schema, { io: 'input', unrepresentable: 'any' }));
  return {
    anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }],
    description: 'Path, relative to this file',
  };
}
