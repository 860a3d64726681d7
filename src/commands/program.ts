/**
 * The program behind `logger`: the list of its commands, and how errors become one line and an exit status
 * (base/errors.ts). Called by cli.ts.
 */
import { Command, CommanderError } from 'commander';
import { EXIT, LoggerError } from '../base/errors.js';
import { printable } from '../base/printable.js';
import { VERSION } from '../base/version.js';
import { examples, exitStatuses } from './common.js';
import { endWhenOutputFails } from './output.js';

interface Entry {
  readonly name: string;
  readonly description: string;
  /** arguments, options, examples and what is done, with all that this imports */
  readonly load: () => Promise<Command>;
}

/** In the order of `logger --help`. */
const COMMANDS: readonly Entry[] = [
  {
    name: 'run',
    description: 'capture what the configuration names until SIGINT or SIGTERM',
    load: async () => (await import('./run.js')).runCommand(),
  },
  {
    name: 'demo',
    description: 'capture from the built-in simulator, with a live table and a closing comparison',
    load: async () => (await import('./demo.js')).demoCommand(),
  },
  {
    name: 'simulate',
    description: 'stand in for the exchanges: their wire protocols and a consistent market on loopback ports',
    load: async () => (await import('./simulate.js')).simulateCommand(),
  },
  {
    name: 'read',
    description: 'print rows of the column files',
    load: async () => (await import('./read.js')).readCommand(),
  },
  {
    name: 'verify',
    description: 'check the column files for damage and unlisted loss',
    load: async () => (await import('./verify.js')).verifyCommand(),
  },
  {
    name: 'gaps',
    description: 'list what is missing and what has become of it, or sum it up',
    load: async () => (await import('./gaps.js')).gapsCommand(),
  },
  {
    name: 'recover',
    description: 'bring the column files in order after a crash',
    load: async () => (await import('./recover.js')).recoverCommand(),
  },
  {
    name: 'sinks',
    description: 'show how far the sinks are, or send one back',
    load: async () => (await import('./sinks.js')).sinksCommand(),
  },
  {
    name: 'symbols',
    description: 'look up symbols across exchanges',
    load: async () => (await import('./symbols.js')).symbolsCommand(),
  },
  {
    name: 'bench',
    description: 'measure this program on this machine',
    load: async () => (await import('./bench.js')).benchCommand(),
  },
  {
    name: 'check-config',
    description: 'validate the configuration and show what it amounts to',
    load: async () => (await import('./check_config.js')).checkConfigCommand(),
  },
];

export const COMMAND_NAMES: readonly string[] = COMMANDS.map(({ name }) => name);

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
    .map((line) => `logger: ${printable(line)}\n`)
    .join('');
}

/**
 * The command line, ready to parse `words`: a command that is among them is loaded, of the others there is what the help
 * of the program shows.
 */
export async function buildCli(words: readonly string[]): Promise<Command> {
  const program = new Command('logger')
    .description('Logs crypto market data: every trade and ticker, from the socket to column files.')
    .version(VERSION)
    .addHelpText(
      'after',
      exitStatuses({}, 'failed', 'locked', 'refused') +
        examples('logger run', 'logger read coinbase BTC-USD TRADES --limit 10', 'logger check-config'),
    );
  for (const { name, description, load } of COMMANDS) {
    const command = words.includes(name) ? await load() : new Command();
    program.addCommand(command.name(name).description(description));
  }
  settle(program);
  return program;
}

/** Runs a command line as the main program; sets process.exitCode and never throws. */
export async function runCli(program: Command, argv: readonly string[]): Promise<void> {
  endWhenOutputFails();
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
