#!/usr/bin/env node
// CommonJS (see package.json beside it): loading this file doesn't use libuv's threads yet, whose number can only be set before.
// They decode images; four of them, as libuv would have, are too few for many cores.
const { availableParallelism } = require('node:os');
require('./flags.js');

process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, availableParallelism()));

const program = require('./compiled.js').load(process.argv[2] ?? '');
if (program) start(program);
else fromSource(true);

async function start({ main }) {
  try {
    process.exitCode = await main(process.argv);
  } catch (error) {
    if (error?.name !== 'NotCompiled') throw error;
    await fromSource(false);
  }
}

async function fromSource(compile) {
  const { start } = await import('../engine/cli/start.mjs');
  await start(compile);
}
