#!/usr/bin/env node
// Starts the command line. The program is TypeScript and runs from its source: what is fingerprinted is what runs.
import { register } from 'tsx/esm/api';

register();
const { main } = await import('../engine/cli/main.ts');
process.exitCode = await main(process.argv);
