/** Ways for a thread to fail, and the means to make one of a running logger do so. */
import type { LoggerProcess } from './processes.js';

/** For `preload` of a logger that is to be sabotaged. */
export const SABOTEUR = './dist/test/support/saboteur.js';

/** What a thread does, with the JavaScript that makes it do so. */
export const FAULTS = {
  throws: `setImmediate(() => { throw new Error('sabotage'); })`,
  rejects: `void Promise.reject(new Error('sabotage'))`,
  ends: 'process.exit(3)',
  hangs: 'for (;;);',
  sleeps: 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)',
  'runs out of heap': 'const kept = []; for (;;) kept.push({ kept: [kept.length] });',
} as const;

/** Runs JavaScript in a thread, named as in the log. */
export function sabotage(logger: Pick<LoggerProcess, 'child'>, thread: string, code: string): void {
  logger.child.send({ thread, code });
}
