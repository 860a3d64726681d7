/**
 * Passwords of targets. They are in no configuration file: an option names the environment variable or the file that has
 * them, so that nothing that shows a configuration shows a password.
 */
import { readFile } from 'node:fs/promises';
import { LoggerError, messageOf } from '../base/errors.js';
import { optionalText } from '../config/kinds.js';

/** What a sink declares whose target wants a password. */
export const PASSWORD_OPTIONS = {
  password_env: optionalText({
    default: '',
    applies: 'reload',
    doc: 'Name of the environment variable that holds the password.',
  }),
  password_file: optionalText({
    default: '',
    applies: 'reload',
    doc: 'File that holds the password, e.g. a credential of systemd; line ends behind it do not count.',
  }),
};

export interface PasswordSource {
  readonly password_env: string;
  readonly password_file: string;
}

/** The password; undefined when none is named. */
export async function passwordOf({
  password_env,
  password_file,
}: PasswordSource): Promise<string | undefined> {
  if (password_env !== '') {
    const password = process.env[password_env];
    if (password === undefined)
      throw new LoggerError(
        'CONFIG_INVALID',
        `the environment variable ${password_env} that password_env names is not set`,
      );
    return password;
  }
  if (password_file === '') return undefined;
  try {
    return (await readFile(password_file, 'utf8')).replace(/[\r\n]+$/, '');
  } catch (error) {
    throw new LoggerError('CONFIG_INVALID', `password_file cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
