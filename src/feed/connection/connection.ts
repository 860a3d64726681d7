/**
 * One connection to one exchange through all its states: connect, subscribe within the rate limit, keep alive, notice
 * silence, reconnect. Shard threads. Messages go to the handler; this file never looks into them.
 */

import { monotonicMs } from '../../base/clock.js';
import { messageOf } from '../../base/errors.js';
import type { ControlEvent, ControlRequest, Exchange, Subscription } from '../exchange.js';
import { Backoff } from './backoff.js';
import { RequestBudget } from './pacing.js';
import type { ConnectionState } from './state.js';
import { Subscriptions } from './subscriptions.js';
import { type CloseInfo, WebSocketClient } from './websocket/client.js';

/** A connection that worked for so long starts again with the shortest delay. */
const HEALTHY_MS = 30_000;
/** Failures in a row after which the state says ERROR; attempts go on. */
const ERROR_AFTER_FAILURES = 5;

/** A tick counts for so much time at most. */
const TICK_MS_MAX = 1000;

export interface ConnectionOptions {
  readonly endpoint: string;
  /** which of the exchange's addresses, when it has several */
  readonly route?: string;
  readonly ca?: string;
  readonly frameBytesMax: number;
  readonly messageTimeoutMs: number;
  readonly firstRetryMs: number;
  readonly longestRetryMs: number;
  readonly ackTimeoutMs: number;
}

export interface ConnectionEvents {
  /** the bytes of a chunk are about to be walked */
  chunk(bytes: number): void;
  /** one message; false when there is no room for its rows now */
  message(bytes: Uint8Array, start: number, end: number): boolean;
  chunkEnd(): void;
  state(state: ConnectionState): void;
  opened(): void;
  /** the connection is gone without having been asked to go */
  lost(reason: string, stale: boolean): void;
  refused(subscription: Subscription, reason: string): void;
  log(level: 'info' | 'warn' | 'debug', text: string): void;
  /** ms to wait before the next attempt, so that all shards together stay below the exchange's limit */
  reserveConnect(): number;
}

export class Connection {
  readonly subscriptions: Subscriptions;
  private client: WebSocketClient | undefined;
  private readonly backoff: Backoff;
  private retryTimer: NodeJS.Timeout | undefined;
  private sendTimer: NodeJS.Timeout | undefined;
  private readonly queue: ControlRequest[] = [];
  private current: ConnectionState = 'STOPPED';
  private openedMs = 0;
  private askedMs = 0;
  private lastBytesMs = 0;
  private pingedMs = 0;
  /** the message that had not ended at the newest tick, and how long it has been so */
  private unfinished = 0;
  private unfinishedMs = 0;
  private tickedMs = 0;
  private readonly requests: RequestBudget;
  private stopped: (() => void) | undefined;

  constructor(
    private readonly exchange: Exchange,
    private readonly options: ConnectionOptions,
    private readonly events: ConnectionEvents,
  ) {
    this.requests = new RequestBudget(exchange.limits);
    this.backoff = new Backoff(options.firstRetryMs, options.longestRetryMs);
    this.subscriptions = new Subscriptions(exchange, (s, reason) => events.refused(s, reason));
  }

  get state(): ConnectionState {
    return this.current;
  }

  private enter(state: ConnectionState): void {
    if (state === this.current) return;
    this.current = state;
    this.events.state(state);
  }

  start(subscriptions: readonly Subscription[]): void {
    this.subscriptions.add(subscriptions);
    this.enter('CONNECTING');
    this.retryTimer = setTimeout(() => this.connect(), this.events.reserveConnect());
  }

  /** Ends the connection with a close handshake; resolves when the socket is gone. */
  stop(): Promise<void> {
    clearTimeout(this.retryTimer);
    clearTimeout(this.sendTimer);
    if (this.client === undefined) {
      this.enter('STOPPED');
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.stopped = resolve;
      this.client?.close(1000, 'closing');
    });
  }

  private connect(): void {
    this.enter('CONNECTING');
    this.subscriptions.reset();
    this.queue.length = 0;
    const { events } = this;
    try {
      this.client = new WebSocketClient(
        {
          url: this.exchange.websocketUrl(this.options.endpoint, this.options.route),
          ca: this.options.ca,
          frameBytesMax: this.options.frameBytesMax,
        },
        {
          onOpen: () => this.opened(),
          onChunk: (bytes) => {
            this.lastBytesMs = monotonicMs();
            events.chunk(bytes);
          },
          onMessage: (bytes, start, end) => events.message(bytes, start, end),
          onChunkEnd: () => events.chunkEnd(),
          onClose: (info) => this.closed(info),
        },
      );
      this.client.connect();
    } catch (error) {
      this.closed({ kind: 'network', code: 1006, reason: messageOf(error) });
    }
  }

  private opened(): void {
    this.openedMs = monotonicMs();
    this.unfinished = 0;
    this.lastBytesMs = this.openedMs;
    this.requests.begin(this.openedMs);
    this.enter('CONNECTED');
    this.events.opened();
    this.enter('SUBSCRIBING');
    this.askedMs = this.openedMs;
    this.send(this.subscriptions.requests());
    this.settle();
  }

  /** Sends at the pace that the exchange allows; the first message goes at once. */
  private send(requests: readonly ControlRequest[]): void {
    this.queue.push(...requests);
    if (this.sendTimer === undefined) this.sendNext();
  }

  private sendNext(): void {
    this.sendTimer = undefined;
    const request = this.queue.shift();
    if (request === undefined || this.client === undefined) return;
    this.client.sendText(request.text);
    this.askedMs = monotonicMs();
    this.sendTimer = setTimeout(() => this.sendNext(), this.requests.pauseMs(this.askedMs));
  }

  /** What the exchange says about the connection; called while a chunk is walked. */
  control(event: ControlEvent): void {
    if (event.kind === 'closing') {
      this.events.log('info', event.reason);
      return;
    }
    if (event.kind === 'refused' && event.id === undefined && event.native === undefined)
      this.events.log('warn', `the exchange says: ${event.reason}`);
    this.send(this.subscriptions.take(event));
    this.settle();
  }

  private settle(): void {
    if (this.current === 'SUBSCRIBING' && this.subscriptions.settled) {
      if (this.subscriptions.count('confirmed') > 0 || this.subscriptions.size === 0) this.enter('ACTIVE');
      else this.giveUp('the exchange confirmed none of the subscriptions');
    }
  }

  /** Changes what is subscribed without touching the connection. */
  change(added: readonly Subscription[], removed: readonly Subscription[]): void {
    const requests = this.subscriptions.remove(removed);
    this.subscriptions.add(added);
    if (this.current !== 'SUBSCRIBING' && this.current !== 'ACTIVE') return;
    if (added.length > 0) this.enter('SUBSCRIBING');
    this.send([...requests, ...this.subscriptions.requests()]);
    this.settle();
  }

  /** Subscribes one channel of one symbol anew, so that the exchange sends a new snapshot. */
  renew(subscription: Subscription): void {
    if (this.current !== 'SUBSCRIBING' && this.current !== 'ACTIVE') return;
    const requests = this.subscriptions.renew(subscription);
    if (requests.length > 0) this.enter('SUBSCRIBING');
    this.send(requests);
    this.settle();
  }

  /** Room in the ring again: goes on with the message that could not be taken. */
  resume(): void {
    this.client?.resume();
  }

  get paused(): boolean {
    return this.client?.paused ?? false;
  }

  /** RFC 6455: text that is not UTF-8 ends the connection. */
  fail(code: number, reason: string): void {
    this.client?.fail(code, reason);
  }

  /** Watches for silence and late acknowledgements; call it several times a second. */
  tick(): void {
    if (this.client === undefined || (this.current !== 'SUBSCRIBING' && this.current !== 'ACTIVE')) return;
    const now = monotonicMs();
    const quietMs = now - this.lastBytesMs;
    if (quietMs > this.options.messageTimeoutMs && !this.client.paused) {
      this.giveUp(`nothing arrived for ${Math.round(quietMs / 1000)} s`, true);
      return;
    }
    if (this.isDripping(this.client, now)) {
      this.giveUp(`a message has not ended within ${Math.round(this.unfinishedMs / 1000)} s`, true);
      return;
    }
    this.keepAlive(now, quietMs);
    if (
      this.current === 'SUBSCRIBING' &&
      this.queue.length === 0 &&
      now - this.askedMs > this.options.ackTimeoutMs
    ) {
      this.askedMs = now;
      this.send(this.subscriptions.overdue());
      this.settle();
    }
  }

  /** Whether one message has been on its way for too long, however many of its bytes arrive meanwhile. */
  private isDripping({ unfinishedMessage, paused }: WebSocketClient, now: number): boolean {
    const isSame = unfinishedMessage !== 0 && unfinishedMessage === this.unfinished && !paused;
    // a tick that is late says nothing about what waits in the socket
    this.unfinishedMs = isSame ? this.unfinishedMs + Math.min(now - this.tickedMs, TICK_MS_MAX) : 0;
    this.unfinished = unfinishedMessage;
    this.tickedMs = now;
    return this.unfinishedMs > this.options.messageTimeoutMs;
  }

  private keepAlive(now: number, quietMs: number): void {
    const rule = this.exchange.keepAlive;
    if (rule === undefined || now - Math.max(this.pingedMs, this.openedMs) < rule.everyMs) return;
    if (rule.onlyWhenQuiet && quietMs < rule.everyMs) return;
    this.pingedMs = now;
    if (rule.text === undefined) this.client?.ping();
    else this.client?.sendText(rule.text);
  }

  /** Drops a connection that is of no use any more; the usual reconnect follows. Without one there is nothing to do. */
  giveUp(reason: string, stale = false): void {
    if (this.client === undefined || this.stopped !== undefined) return;
    this.client.destroy();
    this.ended(reason, stale);
  }

  private closed(info: CloseInfo): void {
    const stopped = this.stopped;
    if (stopped !== undefined) {
      this.client = undefined;
      clearTimeout(this.sendTimer);
      this.enter('STOPPED');
      stopped();
      return;
    }
    this.ended(`${info.reason} (${info.kind} ${info.code})`, false);
  }

  private ended(reason: string, stale: boolean): void {
    this.client = undefined;
    clearTimeout(this.sendTimer);
    this.sendTimer = undefined;
    if (this.openedMs > 0 && monotonicMs() - this.openedMs > HEALTHY_MS) this.backoff.reset();
    this.openedMs = 0;
    const delay = Math.max(this.backoff.next(), this.events.reserveConnect());
    this.enter(this.backoff.count > ERROR_AFTER_FAILURES ? 'ERROR' : 'RECONNECTING');
    this.events.lost(`${reason}; next attempt in ${(delay / 1000).toFixed(1)} s`, stale);
    this.retryTimer = setTimeout(() => this.connect(), delay);
  }
}
