import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { imageItems } from './images.ts';
import type { Item } from './item.ts';
import { modelItems } from './models.ts';
import { tableItems } from './tables.ts';
import { tarItems } from './tars.ts';

export type { Item, Kind } from './item.ts';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Valid inputs of every kind but records, the same every time. `folder` is one to write in on the way. */
export async function makeCorpus(folder: string): Promise<Item[]> {
  const images = await imageItems();
  return [...yamlItems(), ...images, ...(await tarItems(images)), ...modelItems(), ...tableItems(folder)];
}

function yamlItems(): Item[] {
  const names = readdirSync(join(ROOT, 'configs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yaml'))
    .sort();
  const configs = names.map(
    (name): Item => ({
      kind: 'config',
      name: `configs/${name}`,
      bytes: readFileSync(join(ROOT, 'configs', name)),
    }),
  );
  return [
    ...configs,
    { kind: 'pipeline', name: 'pipeline.yaml', bytes: readFileSync(join(ROOT, 'pipeline.yaml')) },
  ];
}
