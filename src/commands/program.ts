/**
 * The program behind `logger`: the list of its commands, and how errors become one line and an exit status
 * (base/errors.ts). Called by cli.ts.
 */
import { Command, CommanderError } from 'commander';
import { EXIT, LoggerError } from '../base/errors.js';
import { VERSION } from '../base/version.js';
import type { ExchangeConfig } from '../config/options.js';
import { restOf } from '../feed/connection/rest.js';
import type { Exchange } from '../feed/exchange.js';
import { benchCommand } from './bench.js';
import { checkConfigCommand } from './check-config.js';
import { examples } from './common.js';
import { demoCommand } from './demo.js';
import { readCommand } from './read.js';
import { recoverCommand } from './recover.js';
import { runCommand } from './run.js';
import { simulateCommand } from './simulate.js';
import { symbolsCommand } from './symbols.js';
import { verifyCommand } from './verify.js';

/** What an exchange lists as tradable, for `check-config --online`. */
async function listNatives(
  exchanges: readonly Exchange[],
  id: string,
  config: ExchangeConfig,
): Promise<string[]> {
  const exchange = exchanges.find((e) => e.id === id);
  const listed = (await exchange?.listSymbols(restOf(config.rest_endpoint, undefined))) ?? [];
  return listed.map(({ native }) => native);
}

/** Lets every command report wrong use as an exception and as one line. */
function settle(command: Command): void {
  command.exitOverride().configureOutput({
    outputError: (text, write) =>
      write(
        errorLines(
          text
            .trim()
            .replace(/^error: /, '')
            .replaceAll('\n', ' '),
        ),
      ),
  });
  command.commands.forEach(settle);
}

/** Each problem of a message as a line of its own that begins with the program's name. */
function errorLines(message: string): string {
  return message
    .split('\n')
    .map((line) => `logger: ${line}\n`)
    .join('');
}

/** The whole command line, ready to parse. */
export function buildCli(exchanges: readonly Exchange[]): Command {
  const program = new Command('logger')
    .description('Logs crypto market data: every trade and ticker, from the socket to column files.')
    .version(VERSION)
    .addCommand(runCommand(exchanges))
    .addCommand(demoCommand(exchanges))
    .addCommand(simulateCommand())
    .addCommand(readCommand())
    .addCommand(verifyCommand())
    .addCommand(recoverCommand())
    .addCommand(symbolsCommand())
    .addCommand(benchCommand())
    .addCommand(checkConfigCommand(exchanges, (id, config) => listNatives(exchanges, id, config)))
    .addHelpText(
      'after',
      examples('logger run', 'logger read coinbase BTC-USD TRADES --limit 10', 'logger check-config'),
    );
  settle(program);
  return program;
}

/** A reader that went away (`logger … | head`) is no failure. */
function endQuietlyOnBrokenPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
}

/** Runs a command line as the main program; sets process.exitCode and never throws. */
export async function runCli(program: Command, argv: readonly string[]): Promise<void> {
  endQuietlyOnBrokenPipe();
  try {
    await program.parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    } else if (error instanceof LoggerError) {
      process.stderr.write(errorLines(error.message));
      process.exitCode = error.exitStatus;
    } else {
      process.stderr.write(errorLines(`unexpected: ${error instanceof Error ? error.stack : error}`));
      process.exitCode = EXIT.internal;
    }
  }
}
