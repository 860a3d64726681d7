/** What several commands share: options with one meaning everywhere, and the form of help examples. */
import { InvalidArgumentError, Option } from 'commander';

export const CONFIG_FILE = 'logger.toml';

/** `--config`, the same for every command that needs the configuration. */
export function configOption(): Option {
  return new Option('-c, --config <file>', 'configuration file').default(CONFIG_FILE);
}

/** The examples at the end of a command's --help. */
export function examples(...lines: readonly string[]): string {
  return `\nExample${lines.length > 1 ? 's' : ''}:\n${lines.map((line) => `  $ ${line}`).join('\n')}\n`;
}

/** `--seconds`, for commands that end by themselves. */
export function secondsOption(): Option {
  return new Option('--seconds <n>', 'stop by itself after so many seconds').argParser((text) => {
    const seconds = Number(text);
    if (!(seconds > 0)) throw new InvalidArgumentError('It must be a number above 0.');
    return seconds;
  });
}

/** Parser of an option that is a whole number from 0 up. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It is a whole number from 0 up.');
  return Number(text);
}
