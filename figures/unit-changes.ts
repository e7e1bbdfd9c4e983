import { counted, type Figure } from './figure.ts';
import { ACCENT, COLOURS, FAINT, plot, WIDTH } from './theme.ts';

/** A unit that has a score in both of two runs. */
export interface ScoredTwice {
  readonly model: string;
  readonly encoder: string;
  readonly layer: string;
  readonly unit: number;
  readonly mis_a: number;
  readonly mis_b: number;
  readonly change: number;
}

const COLUMNS = ['model', 'encoder', 'layer', 'unit', 'mis_a', 'mis_b', 'change'];
/** More points than this are hard to tell apart, and to open. */
const MOST = 5_000;
const MOST_COLOURS = COLOURS.length - 1;

/** The score of every unit in one run against its score in another. */
export const unitChanges: Figure<readonly ScoredTwice[]> = {
  name: 'unit-changes',
  title: 'Every unit in both runs',
  make(units) {
    if (units.length === 0) return undefined;
    const step = Math.max(1, units.length / MOST);
    const drawn = Array.from(
      { length: Math.min(MOST, units.length) },
      (_, i) => units[Math.floor(i * step)]!,
    );
    const models = [...new Set(units.map((unit) => unit.model))];
    const some =
      drawn.length < units.length ? ` ${counted(drawn.length, 'unit')} of them, evenly picked.` : '';
    return {
      columns: COLUMNS,
      table: drawn as unknown as readonly Record<string, string | number>[],
      spec: plot(
        { title: this.title, subtitle: 'MIS in run B against MIS in run A; on the line nothing changed' },
        drawn.map(({ model, mis_a, mis_b }) => ({ model, mis_a, mis_b })),
        panel(models, drawn),
      ),
      caption: `MIS of ${counted(units.length, 'unit')} of ${counted(models.length, 'model')} that have a score in both runs.${some} Line: no change.`,
    };
  },
};

function panel(models: readonly string[], units: readonly ScoredTwice[]): object {
  const low = units.reduce((least, { mis_a, mis_b }) => Math.min(least, mis_a, mis_b), 1);
  const domain = [Math.floor(low * 10) / 10, 1];
  const axis = (field: string, title: string) => ({
    field,
    type: 'quantitative',
    title,
    scale: { domain, nice: false, zero: false },
    axis: { tickCount: 6 },
  });
  const [x, y] = [axis('mis_a', 'MIS in run A'), axis('mis_b', 'MIS in run B')];
  const color =
    models.length > 1 && models.length <= MOST_COLOURS
      ? {
          field: 'model',
          type: 'nominal',
          title: null,
          scale: { domain: [...models], range: [...COLOURS] },
          legend: { orient: 'top', columns: 4, symbolOpacity: 1 },
        }
      : { value: ACCENT };
  return {
    width: WIDTH,
    height: WIDTH,
    layer: [
      {
        data: { values: domain.map((at) => ({ at })) },
        mark: { type: 'line', color: FAINT, strokeDash: [4, 4], strokeWidth: 1 },
        encoding: { x: { ...x, field: 'at' }, y: { ...y, field: 'at' } },
      },
      {
        mark: { type: 'point', filled: true, size: 16, opacity: 0.45 },
        encoding: { x, y, color },
      },
    ],
  };
}
