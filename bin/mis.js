#!/usr/bin/env node
// CommonJS (see package.json beside it): loading this file doesn't use libuv's threads yet, whose number can only be set before.
// They decode images; four of them, as libuv would have, are too few for many cores.
const { availableParallelism } = require('node:os');

process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, availableParallelism()));
import('../engine/cli/start.mjs');
