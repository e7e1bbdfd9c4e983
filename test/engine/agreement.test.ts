import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { dryAndWet } from './in-process.ts';
import { type Project, project } from './support.ts';

/** More by hand: RUNS=500. */
const RUNS = Number(process.env.RUNS ?? 12);

/** A stage of a random graph: what it runs over, and from which earlier ones it takes what. */
interface Shape {
  readonly overItems: boolean;
  /** Only items of some weights, of two lists of which one isn't there. */
  readonly filtered: boolean;
  readonly overParts: boolean;
  readonly file: boolean;
  readonly needs: readonly { readonly from: number; readonly what: 'out' | 'rare' | 'parts.piece' }[];
}

type Change =
  | { readonly kind: 'salt'; readonly stage: number; readonly value: number }
  | { readonly kind: 'file'; readonly stage: number; readonly value: number }
  | { readonly kind: 'items'; readonly items: readonly string[] }
  | { readonly kind: 'weight'; readonly item: number; readonly value: number };

const need = fc.record({ from: fc.nat(9), what: fc.constantFrom('out', 'rare', 'parts.piece') } as const);
const shape = fc.record({
  overItems: fc.boolean(),
  filtered: fc.boolean(),
  overParts: fc.boolean(),
  file: fc.boolean(),
  needs: fc.array(need, { maxLength: 2 }),
});
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('salt' as const), stage: fc.nat(4), value: fc.nat(3) }),
  fc.record({ kind: fc.constant('file' as const), stage: fc.nat(4), value: fc.nat(3) }),
  fc.record({ kind: fc.constant('items' as const), items: fc.subarray(['x', 'y', 'z'], { minLength: 1 }) }),
  fc.record({ kind: fc.constant('weight' as const), item: fc.nat(2), value: fc.nat(3) }),
);

/** Stages s0, s1, …; s0 puts out the list of parts that others may run over. */
function pipelineOf(shapes: readonly Shape[], vary?: Vary): string {
  const some = { in: ['${items}', '${more}'], where: { weight: [0, 1] } };
  const stages = shapes.map(({ overItems, filtered, overParts, file, needs }, i) => [
    `s${i}`,
    {
      uses: './stages/mix',
      foreach: {
        ...(overItems && { item: filtered ? some : '${items}' }),
        ...(overParts && i > 0 && { part: '${s0.parts}' }),
      },
      with: {
        salt: `\${salts.s${i}}`,
        ...(file && { file: `\${files.s${i}}` }),
        ...(overItems && { weight: '${item.weight}' }),
      },
      needs: Object.fromEntries(
        (i === 0 ? [] : needs).map(({ from, what }, n) => [['a', 'b'][n], `\${s${from % i}.${what}}`]),
      ),
    },
  ]);
  const from = vary?.needs.map(({ from, what }) => `\${s${from % shapes.length}.${what}}`);
  const sweep = {
    uses: './stages/mix',
    vary: { settings: '${settings}', grid: vary?.grid ?? false },
    with: { salt: '${sweep.salt}' },
    needs: { a: from },
  };
  return JSON.stringify({ stages: { ...Object.fromEntries(stages), ...(vary && { sweep }) } });
}

interface State {
  readonly salts: Record<string, number>;
  readonly files: Record<string, number>;
  readonly weights: number[];
  items: readonly string[];
}

function configOf(shapes: readonly Shape[], state: State, vary?: Vary): string {
  const withFiles = shapes.flatMap(({ file }, i) =>
    file ? [[`s${i}`, `../data/${state.files[`s${i}`]}`]] : [],
  );
  const settings = Object.entries(vary?.salts ?? {}).flatMap(([i, values]) =>
    Number(i) < shapes.length ? [[`salts.s${i}`, values]] : [],
  );
  return JSON.stringify({
    ...(vary && { settings: Object.fromEntries(settings), sweep: { salt: 0 } }),
    salts: Object.fromEntries(shapes.map((_, i) => [`s${i}`, state.salts[`s${i}`]])),
    ...(withFiles.length > 0 && { files: Object.fromEntries(withFiles) }),
    ...(shapes.some(({ overItems }) => overItems) && {
      items: state.items.map((name) => ({ name, weight: state.weights['xyz'.indexOf(name)] })),
    }),
  });
}

function apply(state: State, change: Change) {
  if (change.kind === 'salt') state.salts[`s${change.stage}`] = change.value;
  else if (change.kind === 'file') state.files[`s${change.stage}`] = change.value;
  else if (change.kind === 'weight') state.weights[change.item] = change.value;
  else state.items = change.items;
}

const folder = process.cwd();
afterAll(() => process.chdir(folder));

async function check(
  it: Project,
  shapes: readonly Shape[],
  changes: readonly Change[],
  store: string,
  vary?: Vary,
) {
  const zeros = () => Object.fromEntries([0, 1, 2, 3, 4].map((i) => [`s${i}`, 0]));
  const items = vary ? ['x', 'y', 'z'] : ['x', 'y'];
  const weights = vary ? [0, 1, 2] : [0, 0, 0];
  const state: State = { salts: zeros(), files: zeros(), weights, items };
  it.write('pipeline.yaml', pipelineOf(shapes, vary));
  const options = { store: it.path(store) };
  for (const step of [undefined, ...changes]) {
    if (step) apply(state, step);
    it.write('configs/default.yaml', configOf(shapes, state, vary));
    const { dry, wet, prints, end } = await dryAndWet(options);
    for (const [name, said] of Object.entries(dry)) {
      if (said === 'hit') expect(wet[name], name).toBe('hit');
      if (said === 'will-run' && wet[name] !== 'ran') {
        const twins = Object.keys(wet).filter((other) => prints[other] === prints[name]);
        expect(twins.map((twin) => wet[twin])).toContain('ran');
      }
      if (said === 'depends') expect(wet[name], name).toMatch(/ran|hit/);
    }
    for (const name of Object.keys(wet))
      expect([dry[name], dry[name.split(' ')[0]!]].some(Boolean), name).toBe(true);
    expect(end).toMatchObject({
      failed: 0,
      blocked: 0,
      ran: Object.values(wet).filter((o) => o === 'ran').length,
    });
    const again = await dryAndWet(options);
    expect(new Set([...Object.values(again.dry), ...Object.values(again.wet)])).toEqual(new Set(['hit']));
    expect(again.end).toMatchObject({ hit: Object.keys(wet).length, ran: 0 });
  }
}

/** A last stage that receives what others put out at several values of their salts. */
interface Vary {
  readonly needs: readonly Shape['needs'][number][];
  readonly salts: Readonly<Record<string, readonly number[]>>;
  readonly grid: boolean;
}

const vary: fc.Arbitrary<Vary> = fc.record({
  needs: fc.array(need, { minLength: 1, maxLength: 2 }),
  salts: fc.dictionary(fc.constantFrom('0', '1', '2'), fc.subarray([0, 1, 2], { minLength: 1 }), {
    minKeys: 1,
    maxKeys: 2,
  }),
  grid: fc.boolean(),
});

/**
 * Tasks at a setting have the fingerprints of a run with `--set`, and none is missing: where such a run's task differs
 * from the config's own, the sweep has it.
 */
async function checkVaried(it: Project, shapes: readonly Shape[], vary: Vary, store: string) {
  await check(it, shapes, [], store, vary);
  const { prints } = await dryAndWet({ store: it.path(store) });
  const values = Object.entries(vary.salts).filter(([i]) => Number(i) < shapes.length);
  const points = values.map(([i, salts]) =>
    salts.filter((salt) => salt !== 0).map((salt) => `salts.s${i}=${salt}`),
  );
  const alone = points.flat().map((set) => [set]);
  const [first = [], second = []] = points;
  const grid = vary.grid ? first.flatMap((a) => second.map((b) => [a, b].sort())) : [];
  const needed = vary.needs.map(({ from }) => `s${from % shapes.length}`);
  for (const set of [...alone, ...grid]) {
    const there = await dryAndWet({ store: it.path(store), set });
    for (const [name, print] of Object.entries(there.prints)) {
      if (name.includes('setting=') || name === 'sweep') continue;
      const beside = prints[`${name} setting=${set.join(',')}`];
      if (beside) expect(beside, `${name} ${set}`).toBe(print);
      else if (needed.includes(name.split(' ')[0]!) && set.length === 1)
        expect(prints[name], `${name} ${set}`).toBe(print);
    }
  }
}

it('what a stage varies: dry runs and runs agree, and tasks are those of runs with --set', async () => {
  const it = project('engine/generic');
  for (const value of [0, 1, 2, 3]) it.write(`data/${value}`, `text ${value}`);
  process.chdir(it.dir);
  let count = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(shape, { minLength: 1, maxLength: 4 }), vary, (shapes, vary) =>
      checkVaried(it, shapes, vary, `varied-${count++}`),
    ),
    { numRuns: Math.ceil(RUNS / 2), endOnFailure: process.env.RUNS === undefined },
  );
}, 300_000);

it('a dry run and the run after it agree; a second run does nothing', async () => {
  const it = project('engine/generic');
  for (const value of [0, 1, 2, 3]) it.write(`data/${value}`, `text ${value}`);
  process.chdir(it.dir);
  let count = 0;
  const graphs = fc.array(shape, { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(graphs, fc.array(change, { maxLength: 3 }), (shapes, changes) =>
      check(it, shapes, changes, `store-${count++}`),
    ),
    { numRuns: RUNS, endOnFailure: process.env.RUNS === undefined },
  );
}, 300_000);
