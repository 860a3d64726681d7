/** Encrypted connections to targets: what a sink declares for them, and the files that its options name. */
import { readFile } from 'node:fs/promises';
import { LoggerError, messageOf } from '../base/errors.js';
import { boolean, optionalText } from '../config/kinds.js';

export const TLS_OPTIONS = {
  tls: boolean({
    default: false,
    applies: 'reload',
    doc: 'Whether the connection is encrypted and the server has to show a certificate.',
  }),
  ca_file: optionalText({
    default: '',
    applies: 'reload',
    doc: 'Certificates (PEM) of authorities to trust instead of those that Node knows.',
  }),
};

/** The file that an option names; undefined when it names none. */
export async function pemOf<O extends string>(
  option: O,
  { [option]: path }: Readonly<Record<O, string>>,
): Promise<Buffer | undefined> {
  if (path === '') return undefined;
  try {
    return await readFile(path);
  } catch (error) {
    throw new LoggerError('CONFIG_INVALID', `${option} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
