import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { defineStage } from '../../../engine/stage.ts';

/** The toy's last stage: a folder that is published, with files that come and go with the text. */
export default defineStage({
  summary: 'binds texts into a folder',
  params: z.strictObject({ title: z.string() }),
  inputs: { texts: { take: 'each' } },
  outputs: { book: { kind: 'folder', what: 'pages and an index' } },
  async run(task) {
    const folder = task.output('book');
    mkdirSync(join(folder, 'pages'));
    const texts = task.inputs('texts');
    for (const [page, { path }] of texts.entries()) copyFileSync(path, join(folder, 'pages', `${page}.txt`));
    const lengths = texts.map(({ path }) => readFileSync(path).length);
    writeFileSync(join(folder, 'index.txt'), `${task.params.title}: ${lengths.join(', ')}\n`);
  },
});
