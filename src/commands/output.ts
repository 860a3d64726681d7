/** Writing results to a stream that may be slow, full or gone. Used by all commands, on the main thread. */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { EXIT, messageOf } from '../base/errors.js';

/**
 * Ends the program once its standard output cannot be written: quietly when the reader went away (`logger … | head`),
 * otherwise with one line. What captures or serves meanwhile stops in order. Called once, before anything is printed.
 */
export function endWhenOutputFails(): void {
  let failed = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (failed) return;
    failed = true;
    if (error.code !== 'EPIPE') {
      process.stderr.write(`logger: the standard output cannot be written: ${messageOf(error)}\n`);
      process.exitCode = EXIT.ioError;
    }
    if (!process.emit('SIGTERM', 'SIGTERM')) process.exit();
  });
  // there is nowhere left to say it
  process.stderr.on('error', () => undefined);
}

const CHUNK_CHARS = 64 * 1024;

/**
 * Gathers text into chunks and waits for the reader, so that memory stays bounded. When the reader has gone away
 * (`| head`), `closed` becomes true and the rest is dropped quietly.
 */
export class Output {
  closed = false;
  private pending: string[] = [];
  private chars = 0;
  private readonly onError = (error: NodeJS.ErrnoException): void => {
    this.closed = true;
    if (error.code !== 'EPIPE') this.failure = error;
  };
  private failure: Error | undefined;

  constructor(private readonly stream: Writable) {
    stream.on('error', this.onError);
  }

  /** Adds text; true when `flush` should be awaited before more is added. */
  write(text: string): boolean {
    this.pending.push(text);
    this.chars += text.length;
    return this.chars >= CHUNK_CHARS;
  }

  /** Hands over what was gathered and waits until the stream took it. */
  async flush(): Promise<void> {
    const text = this.pending.join('');
    this.pending = [];
    this.chars = 0;
    if (text !== '' && !this.closed && !this.stream.write(text)) {
      const waiting = new AbortController();
      const { signal } = waiting;
      await Promise.race([
        once(this.stream, 'drain', { signal }),
        once(this.stream, 'close', { signal }),
      ]).catch(() => undefined);
      waiting.abort();
    }
    // a pipe is written synchronously: its error arrives only when the event loop turns
    await setImmediate();
    if (this.failure !== undefined) throw this.failure;
  }

  /** Flushes and waits for the last byte, so that the process may end. */
  async end(): Promise<void> {
    await this.flush();
    if (!this.closed) await new Promise<void>((resolve) => this.stream.write('', () => resolve()));
    if (this.failure !== undefined) throw this.failure;
  }
}
