/**
 * A process for the tests of the lock: takes the directory it is given, says so, and holds it until it is killed; with
 * `with-child` it has a child then that lives on.
 */
import { spawn } from 'node:child_process';
import { LoggerError } from '../../src/base/errors.js';
import { DataLock } from '../../src/supervisor/lock.js';

// everybody begins at once
await new Promise((resolve) => process.stdin.once('data', resolve));
try {
  await DataLock.take(process.argv[2]);
  const child = process.argv[3] === 'with-child' ? spawn('sleep', ['60'], { stdio: 'ignore' }) : undefined;
  process.stdout.write(`owner ${process.pid}${child === undefined ? '' : ` child ${child.pid}`}\n`);
  setInterval(() => {}, 1000);
} catch (error) {
  if (!(error instanceof LoggerError)) throw error;
  process.stdout.write(`${error.message}\n`);
  process.exit(error.exitStatus);
}
