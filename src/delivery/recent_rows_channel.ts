/**
 * Questions to a sink that keeps the newest rows, from any thread of the process: a channel by the name of the sink, on
 * which requests and answers are messages. Whoever asks waits without stopping anything, and capture hears none of it.
 */
import { randomUUID } from 'node:crypto';
import { BroadcastChannel } from 'node:worker_threads';
import { LoggerError, messageOf } from '../base/errors.js';
import type { RecentQuery } from './recent_rows.js';

const ANSWER_MS_MAX = 5000;

interface Request {
  readonly kind: 'request';
  readonly id: string;
  readonly query: RecentQuery;
}

interface Answer {
  readonly kind: 'answer';
  readonly id: string;
  /** each a JSON object */
  readonly rows: readonly string[];
  /** why there are none */
  readonly error?: string;
}

interface Pending {
  readonly resolve: (rows: readonly string[]) => void;
  readonly reject: (error: LoggerError) => void;
  readonly timer: NodeJS.Timeout;
}

/** It keeps no thread alive. */
function openChannel(sink: string, take: (message: Request | Answer) => void): BroadcastChannel {
  const channel = new BroadcastChannel(`logger.recent.${sink}`);
  channel.onmessage = (event) => take((event as { readonly data: Request | Answer }).data);
  channel.unref();
  return channel;
}

/** Answers on the thread of the sink; close() ends it. */
export function serveRecentRows(
  sink: string,
  find: (query: RecentQuery) => readonly string[],
): { close(): void } {
  const channel = openChannel(sink, (message) => {
    if (message.kind !== 'request') return;
    const { id, query } = message;
    channel.postMessage({ kind: 'answer', id, ...answerOf(query) } satisfies Answer);
  });
  function answerOf(query: RecentQuery): Pick<Answer, 'rows' | 'error'> {
    try {
      return { rows: find(query) };
    } catch (error) {
      return { rows: [], error: messageOf(error) };
    }
  }
  return channel;
}

/** Asks from another thread. */
export class RecentRowsClient {
  private readonly channel: BroadcastChannel;
  private readonly pending = new Map<string, Pending>();

  constructor(
    private readonly sink: string,
    private readonly answerMsMax = ANSWER_MS_MAX,
  ) {
    this.channel = openChannel(sink, (message) => {
      if (message.kind === 'answer') this.take(message);
    });
  }

  /** The newest rows that are asked for, the newest last, each a JSON object as text. */
  ask(query: RecentQuery): Promise<readonly string[]> {
    const id = randomUUID();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.fail(id, 'does not answer'), this.answerMsMax);
      this.pending.set(id, { resolve, reject, timer });
      this.channel.postMessage({ kind: 'request', id, query } satisfies Request);
    });
  }

  private take({ id, rows, error }: Answer): void {
    if (error !== undefined) this.fail(id, error);
    else this.end(id)?.resolve(rows);
  }

  private fail(id: string, reason: string): void {
    this.end(id)?.reject(
      new LoggerError('ENDED_EARLY', `the sink ${this.sink} ${reason}`, { retryable: true }),
    );
  }

  private end(id: string): Pending | undefined {
    const pending = this.pending.get(id);
    clearTimeout(pending?.timer);
    this.pending.delete(id);
    return pending;
  }

  /** What has not been answered fails. */
  close(): void {
    this.channel.close();
    for (const id of [...this.pending.keys()]) this.fail(id, 'is not asked any more');
  }
}
