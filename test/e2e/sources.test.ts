import { appendFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseCsv } from '../../tables/csv.ts';
import { readWithHyparquet } from '../support/parquet.ts';
import { type SmallProject, smallProject } from '../support/small.ts';
import { huggingFace, runDuckDb, sqlText } from '../support/write-parquet.ts';

let project: SmallProject;
beforeAll(async () => {
  project = await smallProject();
  expect((await project.run(...project.config)).end).toMatchObject({ failed: 0, blocked: 0 });
}, 120_000);

describe('the same images in another form', { timeout: 120_000 }, () => {
  test('a list of the paths: the index is the same, so nothing after it runs', async () => {
    const root = project.path('small/images');
    const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.png'),
    );
    const lines = names.map((name) => `${name},${name.split('/')[0]}`);
    project.write('small/images/list.csv', `path,label\n${lines.join('\n')}\n`);
    const set = ['--set', 'dataset.path=small/images/list.csv', '--set', 'dataset.format=list'];
    const { end, stages } = await project.run(...project.config, ...set);
    expect(end).toMatchObject({ failed: 0, blocked: 0 });
    expect(stages['index-dataset']).toEqual({ hit: 0, ran: 1 });
    expect(stages['cache-activations']!.ran).toBe(0);
    expect(stages.accuracy!.ran).toBe(0);
    // A file that a list names is looked at as if it lay in a folder.
    appendFileSync(join(root, names[0]!), 'x');
    const after = await project.plan(...project.config, ...set);
    expect(after.tasks.get('index-dataset')).toBe('will-run');
  });

  test("Hugging Face's Parquet files: every image is classified as before, and scored", async () => {
    const root = project.path('small/images');
    const classes = readdirSync(root)
      .filter((name) => !name.includes('.'))
      .sort();
    const features = huggingFace({ img: { _type: 'Image' }, label: { _type: 'ClassLabel', names: classes } });
    const label = `list_position([${classes.map(sqlText).join(', ')}], split_part(filename, '/', -2)) - 1`;
    const files = sqlText(`${root}/*/*.png`);
    await runDuckDb(
      ...[0, 1].map(
        (
          part,
        ) => `COPY (SELECT {'bytes': content, 'path': filename} AS img, ${label} AS label FROM read_blob(${files})
          WHERE hash(filename) % 2 = ${part} ORDER BY hash(filename))
          TO ${sqlText(project.path(`small/test-0000${part}-of-00002.parquet`))}
          (FORMAT parquet, KV_METADATA {huggingface: ${sqlText(features)}})`,
      ),
    );
    const before = accuracy();
    const { end } = await project.run(
      ...project.config,
      ...[
        '--set',
        'dataset.path=small/test-{00000..00001}-of-00002.parquet',
        '--set',
        'dataset.format=parquet',
      ],
      ...['--set', 'dataset.split=test'],
    );
    expect(end).toMatchObject({ failed: 0, blocked: 0 });
    expect(accuracy()).toEqual(before);
    const images = await readWithHyparquet<{ path: string }>(project.path('report/tables/images.parquet'));
    expect(images[0]!.path).toMatch(/^test-00000-of-00002\.parquet\/0000000\/.*\.png$/);
    expect(images).toHaveLength(120);
  });

  /** Top-1 and top-5 accuracy as the report tells them. */
  const accuracy = () => {
    const [row] = parseCsv(project.read('report/tables/models.csv')).rows;
    expect(row!.top1).toMatch(/^0\.[2-9]/);
    return [row!.top1, row!.top5];
  };
});
