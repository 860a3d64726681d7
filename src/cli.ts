#!/usr/bin/env node
/** Entry point of the `logger` program; everything it does is in commands/. */
import { buildCli, runCli } from './commands/program.js';

await runCli(await buildCli(process.argv.slice(2)), process.argv);
