#!/usr/bin/env node
/** Entry point of the `logger` program; everything it does is in commands/. */
import { EXCHANGE_DEFAULTS } from './commands/exchanges.js';
import { buildCli, runCli } from './commands/program.js';

await runCli(buildCli(EXCHANGE_DEFAULTS), process.argv);
