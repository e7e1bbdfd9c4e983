/** What a task waits for before it starts. */
export interface Wanted {
  /** For each resource the units that will do: it gets one. */
  readonly units: Readonly<Record<string, readonly string[]>>;
  /** How many of the jobs at a time it counts as; one that counts as more than there are runs alone. */
  readonly jobs: number;
}

/** The unit of each resource that a task has for itself. */
export type Units = Readonly<Record<string, string>>;

export interface Scheduler {
  /** Runs some work as soon as what it wants is free; what it took is free again when the work ends, however it ends. */
  run<T>(wanted: Wanted, work: (units: Units) => Promise<T>): Promise<T>;
}

interface Waiting {
  readonly wanted: Wanted;
  start(units: Units): void;
}

/** Those that want the same, in the order in which they came. */
interface Queue {
  readonly waiting: Waiting[];
  /** How many of them have started. */
  begun: number;
}

/**
 * Starts work when a job and the wanted units are free, all at one moment, so that nothing is held by who still waits.
 * A unit is given to one at a time. Those that want units go first: units are few, and shouldn't be idle while there is
 * work for them. While one of those waits for nothing but jobs, no other starts, or a small one might always come before.
 */
export function createScheduler(jobs: number): Scheduler {
  const queues = new Map<string, Queue>();
  const taken = new Set<string>();
  let running = 0;

  /** Starts whatever can start. */
  function proceed(): void {
    for (const key of [...queues.keys()].sort(unitsFirst)) {
      const queue = queues.get(key)!;
      while (queue.begun < queue.waiting.length) {
        const next = queue.waiting[queue.begun]!;
        const units = freeUnits(next.wanted, taken);
        if (!units) break;
        if (running > 0 && running + next.wanted.jobs > jobs) return;
        queue.begun++;
        begin(next, units);
      }
      if (queue.begun === queue.waiting.length) queues.delete(key);
    }
  }

  function begin({ wanted, start }: Waiting, units: Units): void {
    running += wanted.jobs;
    for (const name of namesOf(units)) taken.add(name);
    start(units);
  }

  function end({ jobs: used }: Wanted, units: Units): void {
    running -= used;
    for (const name of namesOf(units)) taken.delete(name);
    proceed();
  }

  return {
    async run(wanted, work) {
      const units = await new Promise<Units>((start) => {
        const key = JSON.stringify([Object.entries(wanted.units).sort(), wanted.jobs]);
        const queue = queues.get(key) ?? { waiting: [], begun: 0 };
        queues.set(key, queue);
        queue.waiting.push({ wanted, start });
        proceed();
      });
      try {
        return await work(units);
      } finally {
        end(wanted, units);
      }
    },
  };
}

/** Keys of those that want no unit come last. */
const unitsFirst = (a: string, b: string): number =>
  Number(a.startsWith('[[],')) - Number(b.startsWith('[[],'));

/** A free unit of each resource; undefined while one of them has none. */
function freeUnits({ units }: Wanted, taken: ReadonlySet<string>): Units | undefined {
  const found: Record<string, string> = {};
  for (const [resource, all] of Object.entries(units)) {
    const free = all.find((unit) => !taken.has(nameOf(resource, unit)));
    if (free === undefined) return undefined;
    found[resource] = free;
  }
  return found;
}

const nameOf = (resource: string, unit: string): string => `${resource} ${unit}`;
const namesOf = (units: Units): string[] => Object.entries(units).map(([name, unit]) => nameOf(name, unit));
