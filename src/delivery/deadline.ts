/** A target that does not answer has failed: a promise with a deadline. */
import { LoggerError } from '../base/errors.js';

/** As `promise`, or TARGET_SILENT after so many seconds; what the promise comes to later is of no interest then. */
export async function within<T>(seconds: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new LoggerError('TARGET_SILENT', `${what} took longer than ${seconds} s`, { retryable: true }),
        ),
      seconds * 1000,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
