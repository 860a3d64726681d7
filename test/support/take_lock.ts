/** A process for the tests of the lock: takes the directory it is given, says so, and holds it until it is killed. */
import { LoggerError } from '../../src/base/errors.js';
import { DataLock } from '../../src/supervisor/lock.js';

// everybody begins at once
await new Promise((resolve) => process.stdin.once('data', resolve));
try {
  await DataLock.take(process.argv[2]);
  process.stdout.write(`owner ${process.pid}\n`);
  setInterval(() => {}, 1000);
} catch (error) {
  if (!(error instanceof LoggerError)) throw error;
  process.stdout.write(`${error.message}\n`);
  process.exit(error.exitStatus);
}
