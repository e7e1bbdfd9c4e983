import { type Known, writeKnown } from './known.ts';
import { type MadeUp, make } from './made-up.ts';
import { type Job, runJob } from './stages.ts';

// One piece of work in a process of its own, so that its memory is its own: `child.ts make {…}`, `child.ts known {…}` or
// `child.ts run {…}`. Says how many seconds of processor time the work took, without the start of the process.
const started = process.cpuUsage();
const [what, text = ''] = process.argv.slice(2);
if (what === 'make') make(JSON.parse(text) as MadeUp);
else if (what === 'known') await writeKnown(JSON.parse(text) as Known);
else await runJob(JSON.parse(text) as Job);
const { user, system } = process.cpuUsage(started);
process.stdout.write(`${(user + system) / 1e6}\n`);
