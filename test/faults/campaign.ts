import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomName } from '../../cache/files.ts';
import { randomStreams, type Stream } from '../../stats/random.ts';
import { damage } from './damage.ts';
import { type Graph, studyGraph, toyGraph } from './graphs.ts';
import { moment, type Pace, paceOf, share } from './moments.ts';
import { differences, filesIn, type Result, recordsOf, resultOf, tornBlobs } from './results.ts';
import { type Ended, startRun } from './runs.ts';

export interface CampaignOptions {
  /** How many processes are to be killed while they run. */
  readonly kills: number;
  readonly seed: number;
  /** Every so many rounds, one is of the real pipeline. 0: none. */
  readonly studyEvery: number;
  /** Rounds that are played side by side, each in a folder of its own. */
  readonly lanes: number;
  readonly log: (line: string) => void;
}

export interface Summary {
  /** Processes that a SIGKILL ended. */
  readonly kills: number;
  /** Runs from an empty store to a result that was compared, of each graph. */
  readonly rounds: Readonly<Record<string, number>>;
  /** How often two runs were at work at once, one of them to be killed. */
  readonly twins: number;
  /** How often the store was harmed between two runs. */
  readonly damages: number;
  /** What wasn't as it should be, a line each. */
  readonly differences: readonly string[];
}

interface Setting {
  readonly graph: Graph;
  readonly wanted: Result;
  readonly fingerprints: readonly string[];
  readonly pace: Pace;
}

/** A round never takes more attempts than this before a run is left in peace. */
const MOST_ATTEMPTS = 15;

/**
 * Runs graphs from an empty store to their end, killing them (-9, the whole process group) at random moments until one gets
 * through, and compares its result with that of an undisturbed run; again and again until so many were killed. What is
 * drawn depends on the seed alone; when a process is hit, on the machine.
 */
export async function campaign(options: CampaignOptions): Promise<Summary> {
  const folder = mkdtempSync(join(tmpdir(), 'mis-faults-'));
  const counts = { kills: 0, aimed: 0, twins: 0, damages: 0 };
  const rounds: Record<string, number> = {};
  const wrong: string[] = [];
  try {
    const toys: Setting[] = [];
    for (let lane = 0; lane < options.lanes; lane++)
      toys.push(await setting(toyGraph(join(folder, `toy-${lane}`)), options.log, wrong));
    const { studyEvery } = options;
    const study =
      studyEvery > 0 ? await setting(studyGraph(join(folder, 'study')), options.log, wrong) : undefined;
    const started = performance.now();
    let next = 0;
    const play = async (toy: Setting, lane: number): Promise<void> => {
      while (counts.kills < options.kills) {
        const isStudy = study !== undefined && lane === 0 && studies * studyEvery < next;
        if (isStudy) studies += 1;
        const round = next++;
        const here = isStudy ? study : toy;
        const random = randomStreams('faults', options.seed).start(round);
        const found = await playRound(here, random, options.kills, counts);
        rounds[here.graph.name] = (rounds[here.graph.name] ?? 0) + 1;
        for (const line of found) options.log(`round ${round} (${here.graph.name}): ${line}`);
        wrong.push(...found);
        const seconds = Math.round((performance.now() - started) / 1000);
        options.log(`round ${round}: ${counts.kills} kills, ${wrong.length} differences, ${seconds} s`);
      }
    };
    let studies = 0;
    await Promise.all(toys.map(play));
  } finally {
    if (wrong.length === 0) rmSync(folder, { recursive: true, force: true });
    else options.log(`What was found wrong lies in ${folder}`);
  }
  const { kills, twins, damages } = counts;
  return { kills, twins, damages, rounds, differences: wrong };
}

/** Runs a graph undisturbed, twice: the first one warms what is cached outside the store. */
async function setting(graph: Graph, log: (line: string) => void, wrong: string[]): Promise<Setting> {
  const results: Result[] = [];
  let ended: Ended | undefined;
  for (const name of ['calm-1', 'calm-2']) {
    rmSync(graph.published, { recursive: true, force: true });
    const store = join(graph.dir, name);
    ended = await startRun(graph, store).ended;
    if (ended.code !== 0) throw new Error(`an undisturbed run of ${graph.name} failed: ${ended.stderr}`);
    results.push(resultOf(store, told(ended, 'ran'), graph.published));
    rmSync(store, { recursive: true, force: true });
  }
  const [first, wanted] = results as [Result, Result];
  wrong.push(...differences(first, wanted).map((line) => `two undisturbed runs: ${line}`));
  const fingerprints = told(ended!, 'ran');
  const pace = paceOf(ended!);
  log(
    `${graph.name}: ${fingerprints.length} tasks, ${wanted.size} outputs and files; ` +
      `${Math.round(pace.startup)} ms to the first event, ${Math.round(pace.work)} ms from there to the end`,
  );
  return { graph, wanted, fingerprints, pace };
}

/** `aimed`: kills that are under way. */
type Counts = { kills: number; aimed: number; twins: number; damages: number };

/** From an empty store to a result. Returns what was wrong on the way. */
async function playRound(here: Setting, random: Stream, kills: number, counts: Counts): Promise<string[]> {
  const { graph } = here;
  const store = join(graph.dir, `torn-${randomName()}`);
  rmSync(graph.published, { recursive: true, force: true });
  const wrong: string[] = [];
  let finished = new Set<string>();
  const lost = new Set<string>();
  const harmed: string[] = [];
  for (let attempt = 0; ; attempt++) {
    const inPeace = attempt === MOST_ATTEMPTS || counts.kills + counts.aimed >= kills;
    if (!inPeace) counts.aimed += 1;
    const isTwin = !inPeace && share(random) < 0.08;
    const runs = [startRun(graph, store)];
    if (isTwin) runs.push(startRun(graph, store));
    if (!inPeace) {
      await moment(runs[0]!, here.pace, finished.size, random);
      runs[0]!.signal('SIGKILL');
    }
    const ended = await Promise.all(runs.map((run) => run.ended));
    if (!inPeace) counts.aimed -= 1;
    counts.kills += ended.filter(({ signal, hung }) => signal === 'SIGKILL' && !hung).length;
    if (isTwin) counts.twins += 1;
    wrong.push(...checkRuns(ended, finished));
    const records = recordsOf(store);
    const torn = [...records.torn, ...tornBlobs(store)];
    wrong.push(...torn.filter((line) => !harmed.some((name) => line.includes(name))));
    const ran = ended.flatMap((each) => told(each, 'ran'));
    for (const fingerprint of ran) {
      lost.delete(fingerprint);
      if (!records.whole.includes(fingerprint))
        wrong.push(`${fingerprint} was told to have run, and isn't there`);
    }
    finished = new Set(records.whole.filter((fingerprint) => !lost.has(fingerprint)));
    if (ended.some(({ code }) => code !== null)) break;
    const harm = share(random) < 0.12 ? damage(store, random) : undefined;
    if (!harm) continue;
    harmed.push(harm.name);
    counts.damages += 1;
    for (const fingerprint of harm.lost) {
      lost.add(fingerprint);
      finished.delete(fingerprint);
    }
  }
  wrong.push(...checkEnd(here, store, harmed.length > 0));
  if (wrong.length === 0) rmSync(store, { recursive: true, force: true });
  return wrong;
}

/** Runs that weren't killed succeed; what was finished isn't done again, nor anything twice. */
function checkRuns(ended: readonly Ended[], finished: ReadonlySet<string>): string[] {
  const wrong: string[] = [];
  const seen = new Set(finished);
  for (const { code, signal, stderr, events, hung } of ended) {
    if (hung) wrong.push(`a run hung: ${JSON.stringify(events)} ${stderr}`);
    if (code !== 0 && signal !== 'SIGKILL') wrong.push(`a run ended with ${code ?? signal}: ${stderr}`);
    for (const { event, outcome, fingerprint, stage } of events) {
      if (event !== 'task') continue;
      if (outcome === 'failed') wrong.push(`${stage} failed: ${JSON.stringify(events)}`);
      if (outcome !== 'ran' || !fingerprint) continue;
      if (seen.has(fingerprint)) wrong.push(`${stage} ${fingerprint} ran again, though it was finished`);
      seen.add(fingerprint);
    }
  }
  return wrong;
}

/** The result is that of the undisturbed run; nothing was ever found to be spoilt, unless it was spoilt on purpose. */
function checkEnd({ graph, wanted, fingerprints }: Setting, store: string, harmed: boolean): string[] {
  const wrong = differences(resultOf(store, fingerprints, graph.published), wanted);
  wrong.push(...recordsOf(store).torn, ...tornBlobs(store));
  const aside = filesIn(join(store, 'quarantine'));
  if (!harmed) wrong.push(...aside.map((name) => `set aside: ${name}`));
  if (!existsSync(join(store, 'format'))) wrong.push('the store has no marker');
  return wrong;
}

const told = ({ events }: Ended, wanted: string): string[] =>
  events.flatMap(({ event, outcome, fingerprint }) =>
    event === 'task' && outcome === wanted && fingerprint ? [fingerprint] : [],
  );
