/**
 * The program behind `logger`: the list of its commands, and how errors become one line and an exit status
 * (base/errors.ts). Called by cli.ts.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { EXIT, LoggerError } from '../base/errors.js';
import type { ExchangeDefaults } from '../config/options.js';
import { checkConfigCommand, type ListSymbols } from './check-config.js';
import { examples } from './common.js';
import { symbolsCommand } from './symbols.js';

function version(): string {
  const file = new URL('../../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
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

/** The whole command line, ready to parse. Without `listSymbols`, `check-config` has no --online. */
export function buildCli(exchanges: readonly ExchangeDefaults[], listSymbols?: ListSymbols): Command {
  const program = new Command('logger')
    .description('Logs crypto market data: every trade and ticker, from the socket to column files.')
    .version(version())
    .addCommand(checkConfigCommand(exchanges, listSymbols))
    .addCommand(symbolsCommand())
    .addHelpText('after', examples('logger check-config', 'logger symbols usd-pairs BTC'));
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
