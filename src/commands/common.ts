/** What several commands share: options with one meaning everywhere, and the form of examples and statuses in --help. */
import { InvalidArgumentError, Option } from 'commander';
import { EXIT } from '../base/errors.js';

export const CONFIG_FILE = 'logger.toml';

/** `--config`, the same for every command that needs the configuration. */
export function configOption(): Option {
  return new Option('-c, --config <file>', 'configuration file').default(CONFIG_FILE);
}

type Status = keyof typeof EXIT;

/** What a status means when a command has nothing more exact to say. */
const STATUS_MEANS: Readonly<Record<Status, string>> = {
  ok: 'good',
  failed: 'failed',
  usage: 'wrong use, or a configuration that is refused',
  internal: 'an error of the program itself',
  ioError: 'the disk cannot be trusted or written, or the standard output cannot be written',
  locked: 'another process owns the data directory',
  refused: 'the journal is damaged or foreign',
};
/** What every command may end with. */
const ALWAYS: readonly Status[] = ['ok', 'usage', 'internal', 'ioError'];

/** The exit statuses of a command's --help: those that every command has, those that `means` names, and `others`. */
export function exitStatuses(means: Partial<Record<Status, string>>, ...others: readonly Status[]): string {
  const names = (Object.keys(EXIT) as Status[]).filter(
    (name) => ALWAYS.includes(name) || others.includes(name) || name in means,
  );
  const lines = names.map((name) => `  ${String(EXIT[name]).padEnd(3)} ${means[name] ?? STATUS_MEANS[name]}`);
  return `\nExit status:\n${lines.join('\n')}\n`;
}

/** The examples at the end of a command's --help. */
export function examples(...lines: readonly string[]): string {
  return `\nExample${lines.length > 1 ? 's' : ''}:\n${lines.map((line) => `  $ ${line}`).join('\n')}\n`;
}

/** `--seconds`, for commands that end by themselves. */
export function secondsOption(): Option {
  return new Option('--seconds <n>', 'stop by itself after so many seconds (default: never)').argParser(
    (text) => {
      const seconds = Number(text);
      if (!(seconds > 0)) throw new InvalidArgumentError('It must be a number above 0.');
      return seconds;
    },
  );
}

/** Parser of an option that is a whole number from 0 up. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It is a whole number from 0 up.');
  return Number(text);
}
