#!/usr/bin/env node
/** Entry point of the `logger` program; everything it does is in commands/. */
import { buildCli, runCli } from './commands/program.js';
import { loadExchanges } from './exchanges/index.js';

await runCli(buildCli(await loadExchanges()), process.argv);
