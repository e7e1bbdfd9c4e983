import type { Received } from '../../engine/stage.ts';
import type { ChangedUnit, ExtremesData, ExtremeUnit, Picture } from '../../figures/task-pictures.ts';
import { openExtremes } from '../../tables/extremes.ts';
import type { Subject } from './aggregate.ts';
import { chooseUnits } from './choose.ts';
import { scoresOf } from './directions.ts';
import { finder, mostChanged, type Run } from './runs.ts';
import { nameOf, type Study } from './study.ts';

/** Units of the figure: evenly over the scores of the zoo, and those that changed most in training. */
const SHOWN = 6;

/** Candidates for each of the latter: a batch norm after a convolution ranks its images in the same way. */
const CANDIDATES = 6;

/** Image numbers of a unit's most and least activating images, the most extreme first. */
interface Ends {
  readonly most: readonly number[];
  readonly least: readonly number[];
}

type WithNumbers<T, Name extends string> = Omit<T, Name> & { readonly [N in Name]: readonly number[] };
type State = WithNumbers<ChangedUnit['before'], 'most'>;

/** The same as `ExtremesData`, with image numbers where pictures will stand. */
export interface ChosenExtremes {
  readonly units: readonly WithNumbers<ExtremeUnit, 'most' | 'least'>[];
  readonly changed: readonly (Omit<ChangedUnit, 'before' | 'after'> & { before: State; after: State })[];
}

/** A unit that is to be shown: a row of a subject. */
interface Wanted {
  readonly subject: Subject;
  readonly row: number;
}

/**
 * Chooses units under the main encoder and reads their images: of the zoo evenly from the highest to the lowest MIS; of the
 * training run with the most states those whose MIS differs most between its first and its last one.
 */
export async function chooseExtremes(
  { zoo, states, encoders }: Study,
  runs: readonly Run[],
  inputs: readonly Received[],
): Promise<ChosenExtremes> {
  if (inputs.length === 0) return { units: [], changed: [] };
  const own = zoo.filter(({ encoder }) => encoder === encoders[0]);
  const all = own.flatMap((subject) =>
    scoresOf(subject.units, false).map((mis, row) => ({ subject, row, mis })),
  );
  const units = chooseUnits({ mis: all.map(({ mis }) => mis) }, SHOWN).map(({ row, reason }) => {
    return { ...all[row]!, reason };
  });
  const candidates = changedUnits([...zoo, ...states], runs, encoders[0]!);
  const shown = [...units, ...candidates.flatMap(({ before, after }) => [before, after])];
  const ends = await readEnds(shown, inputs);
  const changed = distinct(candidates, ends).slice(0, SHOWN);
  return {
    units: units.map((unit) => ({ ...describe(unit), reason: unit.reason, ...ends(unit) })),
    changed: changed.map(({ run, before, after, epochs }) => {
      const { encoder, layer, layer_type, unit } = describe(after);
      const state = (wanted: Wanted, epoch: number): State => {
        const { model, mis } = describe(wanted);
        return { model, epoch, mis, most: ends(wanted).most };
      };
      const place = { run, encoder, layer, layer_type, unit };
      return { ...place, before: state(before, epochs[0]), after: state(after, epochs[1]) };
    }),
  };
}

interface Changed {
  readonly run: string;
  readonly before: Wanted;
  readonly after: Wanted;
  readonly epochs: readonly [number, number];
}

function changedUnits(subjects: readonly Subject[], runs: readonly Run[], encoder: string): Changed[] {
  const [longest] = [...runs].sort((a, b) => b.states.length - a.states.length);
  if (!longest) return [];
  const find = finder(subjects);
  const [first, last] = [longest.states[0]!, longest.states.at(-1)!];
  const [before, after] = [find(encoder, first.model), find(encoder, last.model)];
  if (!before || !after) return [];
  return mostChanged(before, after, SHOWN * CANDIDATES).map((change) => ({
    run: longest.run,
    before: { subject: before, row: change.before },
    after: { subject: after, row: change.after },
    epochs: [first.epoch, last.epoch],
  }));
}

/** Leaves out units whose images are those of an earlier one, before and after; the sides may be swapped. */
function distinct(candidates: readonly Changed[], ends: (wanted: Wanted) => Ends): Changed[] {
  const seen = new Set<string>();
  const images = (wanted: Wanted) => {
    const { most, least } = ends(wanted);
    return [most.join(), least.join()].sort();
  };
  return candidates.filter(({ before, after }) => {
    const key = JSON.stringify([images(before), images(after)]);
    return !seen.has(key) && seen.add(key);
  });
}

function describe({ subject: { model, encoder, units }, row }: Wanted) {
  return {
    ...{
      model,
      encoder,
      layer: units.layer[row]!,
      layer_type: units.layer_type[row]!,
      unit: units.unit[row]!,
    },
    ...{ mis: units.mis[row]!, mis_low: units.mis_low[row]!, mis_high: units.mis_high[row]! },
  };
}

/** Reads the images of the wanted units, a model's table at a time. */
async function readEnds(wanted: readonly Wanted[], inputs: readonly Received[]) {
  const found = new Map<string, Ends>();
  const keyOf = ({ model, layer, unit }: { model: string; layer: string; unit: number }) =>
    JSON.stringify([model, layer, unit]);
  const keys = new Set(wanted.map((one) => keyOf(describe(one))));
  const models = new Set(wanted.map(({ subject }) => subject.model));
  for (const { path, vars } of inputs) {
    const model = nameOf(vars, 'model');
    if (!models.has(model)) continue;
    const table = await openExtremes(path);
    try {
      for await (const { layer, unit, most, least } of table.batches()) {
        layer.forEach((name, row) => {
          const key = keyOf({ model, layer: name, unit: unit[row]! });
          const side = (flat: Int32Array) => [...flat.subarray(row * table.width, (row + 1) * table.width)];
          if (keys.has(key)) found.set(key, { most: side(most), least: side(least) });
        });
      }
    } finally {
      await table.close();
    }
  }
  return (one: Wanted): Ends => {
    const ends = found.get(keyOf(describe(one)));
    if (!ends) throw new Error(`nothing tells the extreme images of ${keyOf(describe(one))}`);
    return ends;
  };
}

/** Every image number that the figure shows. */
export function imagesOf({ units, changed }: ChosenExtremes): number[] {
  return [
    ...units.flatMap(({ most, least }) => [...most, ...least]),
    ...changed.flatMap(({ before, after }) => [...before.most, ...after.most]),
  ];
}

/** The same units with pictures in place of image numbers; undefined when there is nothing to show. */
export function withPictures(
  { units, changed }: ChosenExtremes,
  picture: (image: number) => Picture,
): ExtremesData | undefined {
  if (units.length === 0) return undefined;
  const all = (images: readonly number[]) => images.map(picture);
  return {
    units: units.map((unit) => ({ ...unit, most: all(unit.most), least: all(unit.least) })),
    changed: changed.map(({ before, after, ...place }) => ({
      ...place,
      before: { ...before, most: all(before.most) },
      after: { ...after, most: all(after.most) },
    })),
  };
}
