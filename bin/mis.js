#!/usr/bin/env node
// CommonJS (see package.json beside it): loading this file doesn't use libuv's threads yet, whose number can only be set before.
// They decode images; four of them, as libuv would have, are too few for many cores.
const { availableParallelism } = require('node:os');
const { setFlagsFromString } = require('node:v8');

process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, availableParallelism()));

// Most commands are over in half a second, a fourth of which V8 would take to optimise what is then hardly run any more. It
// does so when a function has run for about eight times as long as it would wait otherwise. Node 22 has no such flag any more.
if (process.versions.node.startsWith('20.')) setFlagsFromString('--interrupt-budget=540000');

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
