import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { defineStage } from '../../../engine/stage.ts';

/** Reads a file by halves: says that it has read the first, and reads the second when it is let. */
export default defineStage({
  summary: 'reads a file slowly',
  params: z.strictObject({ gate: z.string(), of: z.string().default('') }),
  files: {
    source: { by: 'content', what: 'model', optional: true },
    folder: { by: 'listing', what: 'images', optional: true },
  },
  outputs: { text: { kind: 'file', what: 'what it read' } },
  async run(task) {
    const path = task.fileIfAny('source') ?? `${task.file('folder')}/image`;
    const read = () => readFileSync(path, 'utf8');
    const first = read().slice(0, 3);
    writeFileSync(`${task.params.gate}/reading`, '');
    while (!existsSync(`${task.params.gate}/go`)) {
      task.check();
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
    writeFileSync(task.output('text'), first + read().slice(3));
  },
});
