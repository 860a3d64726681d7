/** Packages that only some sinks need: optional, and loaded when the sink is opened. */
import { LoggerError } from '../base/errors.js';

/** Imports a package; DEPENDENCY_MISSING with the command that installs it when it is not there. */
export async function loadDriver<T>(name: string, version: string): Promise<T> {
  try {
    return (await import(name)) as T;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') throw error;
    throw new LoggerError(
      'DEPENDENCY_MISSING',
      `the package ${name} is not installed; install it with: npm install ${name}@${version}`,
      { cause: error },
    );
  }
}
