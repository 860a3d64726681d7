/**
 * The two kinds of failure of this program. A broken assumption of our own is an assertion: the thread dies and
 * the supervisor restarts it. Everything the outside can cause is a LoggerError with a code from this list.
 */
import { constants } from 'node:os';

/** What the process answers to its caller. 78 is kept for damaged journals. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  internal: 70,
  ioError: 74,
  locked: 75,
  refused: 78,
} as const;

/** Every error code, with the exit status a command ends with when it is not handled. */
export const ERROR_CODES = {
  CONFIG_INVALID: EXIT.usage,
  USAGE: EXIT.usage,
  SYMBOL_FILE_INVALID: EXIT.usage,
  SYMBOL_UNKNOWN: EXIT.usage,
  TOO_MANY_SYMBOLS: EXIT.usage,
  UNSAFE_NAME: EXIT.failed,
  REST_FAILED: EXIT.failed,
  HANDSHAKE_FAILED: EXIT.failed,
  DEPENDENCY_MISSING: EXIT.failed,
  TARGET_SILENT: EXIT.failed,
  TARGET_REFUSED: EXIT.failed,
  DATA_UNREADABLE: EXIT.failed,
  DISK_WRITE: EXIT.ioError,
  DATA_LOCKED: EXIT.locked,
  JOURNAL_DAMAGED: EXIT.refused,
  JOURNAL_FOREIGN: EXIT.refused,
  ADDRESS_IN_USE: EXIT.failed,
  DIFFERENCES_FOUND: EXIT.failed,
  ENDED_EARLY: EXIT.failed,
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** A failure that the outside world caused; the message says what to do about it. */
export class LoggerError extends Error {
  readonly code: ErrorCode;
  /** whether trying again later can succeed without a change by the operator */
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'LoggerError';
    this.code = code;
    this.retryable = options.retryable ?? false;
  }

  get exitStatus(): number {
    return ERROR_CODES[this.code];
  }
}

/** Ends the thread when an assumption of ours is broken. Never used for input from outside. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Node has no name for some errors of the system, a used-up quota among them
  return (error as NodeJS.ErrnoException).code === 'UNKNOWN'
    ? error.message.replace('UNKNOWN: unknown error', errnoName(errnoOf(error)))
    : error.message;
}

/** Number of the system's error behind what was thrown; 0 when there is none. */
export function errnoOf(error: unknown): number {
  const { errno, code = '' } = error as NodeJS.ErrnoException;
  return errno === undefined ? (ERRNO[code] ?? 0) : Math.abs(errno);
}

/** An error of the system that another thread or process met. */
export function systemError(errno: number, what: string): Error {
  const code = errnoName(errno);
  return Object.assign(new Error(`${code}: ${what}`), { code, errno: -errno });
}

const ERRNO: Readonly<Record<string, number>> = constants.errno;

function errnoName(errno: number): string {
  return Object.keys(ERRNO).find((name) => ERRNO[name] === errno) ?? `error ${errno} of the system`;
}
