/**
 * One connection to one exchange through all its states: connect, subscribe within the rate limit, keep alive, notice
 * silence, reconnect. Shard threads. Messages go to the handler; this file never looks into them.
 */

import { monotonicMs } from '../../base/clock.js';
import { messageOf } from '../../base/errors.js';
import type { ControlEvent, ControlRequest, Exchange, Limit, Subscription } from '../exchange.js';
import { Backoff } from './backoff.js';
import { HostGate } from './host_gate.js';
import { type NetworkOptions, networkOf } from './network/network.js';
import { RequestBudget } from './pacing.js';
import type { ConnectionState } from './state.js';
import { Subscriptions } from './subscriptions.js';
import { type CloseInfo, WebSocketClient } from './websocket/client.js';

/**
 * A peer that does not answer at all is tried again after so long at most: its network may be back at any moment, and an
 * attempt that is under way then may have to wait four seconds for its next packet.
 */
const UNANSWERED_RETRY_MS = 1000;
/** What is quiet for this share of the time that silence may last is asked whether it is there. */
const ASKED_AFTER = 0.5;
/** Failures in a row after which the state says ERROR; attempts go on. */
const ERROR_AFTER_FAILURES = 5;
/** Code of a connection that ended before it opened, and before an answer. */
const NO_ANSWER = 1006;

/** A tick counts for so much time at most: what a process that stood has not seen says nothing about the peer. */
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
  readonly network?: NetworkOptions;
  /** of the host, shared by all threads; without it nobody else knows of what it asks for */
  readonly gate?: SharedArrayBuffer;
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
  lost(reason: string, stale: boolean, code: number): void;
  /** it was given up, as the exchange would send nothing on it */
  rested(reason: string): void;
  /** the exchange has announced that it will end the connection */
  closing(reason: string): void;
  refused(subscription: Subscription, reason: string): void;
  /** these symbols have no room on this connection */
  surplus(natives: readonly string[], limit: Limit): void;
  log(level: 'info' | 'warn' | 'debug', text: string): void;
  /** an attempt has reached nobody who would count it */
  unanswered(): void;
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
  /** something other than an answer to us has arrived since all was subscribed */
  private delivering = false;
  /** what the exchange has said about the connection itself */
  private controls = 0;
  private pingedMs = 0;
  private tickedMs = 0;
  /** time that ticks have watched; the clock by which the peer is judged */
  private watchedMs = 0;
  /** by that clock: the newest bytes, and since when the same message has not ended */
  private lastBytesMs = 0;
  private unfinishedSinceMs = 0;
  private unfinished = 0;
  private readonly requests: RequestBudget;
  private readonly gate: HostGate;
  private stopped: (() => void) | undefined;

  constructor(
    private readonly exchange: Exchange,
    private readonly options: ConnectionOptions,
    private readonly events: ConnectionEvents,
  ) {
    this.requests = new RequestBudget(exchange.limits);
    this.gate = new HostGate(options.gate);
    this.backoff = new Backoff(options.firstRetryMs, options.longestRetryMs);
    this.subscriptions = new Subscriptions(exchange, events, options.ackTimeoutMs, monotonicMs);
  }

  /** What is tried for the sake of refused symbols alone counts as resting until one is confirmed. */
  get state(): ConnectionState {
    const { current } = this;
    return current !== 'ACTIVE' && current !== 'STOPPED' && this.subscriptions.isIdle ? 'RESTING' : current;
  }

  /** For how long the connection has been open, ms. */
  get ageMs(): number {
    return this.openedMs === 0 ? 0 : monotonicMs() - this.openedMs;
  }

  /** Whether something other than an answer to us has arrived since all was subscribed. */
  get isDelivering(): boolean {
    return this.current === 'ACTIVE' && this.delivering;
  }

  private enter(state: ConnectionState): void {
    if (state === this.current) return;
    this.current = state;
    this.events.state(state);
  }

  start(subscriptions: readonly Subscription[]): void {
    this.subscriptions.add(subscriptions);
    this.begin();
  }

  private begin(): void {
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
    if (this.subscriptions.uselessMs > 0) {
      this.rest();
      return;
    }
    this.enter('CONNECTING');
    // another connection may have been told to stay away meanwhile
    const waitMs = this.gate.waitMs();
    if (waitMs > 0) {
      this.retryTimer = setTimeout(() => this.connect(), waitMs + this.events.reserveConnect());
      return;
    }
    this.subscriptions.reset();
    this.queue.length = 0;
    const { events } = this;
    try {
      this.client = new WebSocketClient(
        {
          url: this.exchange.websocketUrl(this.options.endpoint, this.options.route),
          ca: this.options.ca,
          network: networkOf(this.options.network),
          frameBytesMax: this.options.frameBytesMax,
        },
        {
          onOpen: () => this.opened(),
          onChunk: (bytes) => {
            this.lastBytesMs = this.watchedMs;
            events.chunk(bytes);
          },
          onMessage: (bytes, start, end) => this.take(bytes, start, end),
          onChunkEnd: () => events.chunkEnd(),
          onClose: (info) => this.closed(info),
        },
      );
      this.client.connect();
    } catch (error) {
      this.closed({ kind: 'network', code: NO_ANSWER, reason: messageOf(error) });
    }
  }

  /** One message. A connection that delivers begins again with the shortest delay when it breaks. */
  private take(bytes: Uint8Array, start: number, end: number): boolean {
    const { controls, current } = this;
    const taken = this.events.message(bytes, start, end);
    if (!this.delivering && current === 'ACTIVE' && taken && this.controls === controls) {
      this.delivering = true;
      this.backoff.reset();
    }
    return taken;
  }

  private opened(): void {
    this.gate.accepted();
    this.delivering = false;
    this.openedMs = monotonicMs();
    this.tickedMs = this.openedMs;
    this.unfinished = 0;
    this.lastBytesMs = this.watchedMs;
    this.requests.begin(this.openedMs);
    this.enter('CONNECTED');
    this.events.opened();
    this.enter('SUBSCRIBING');
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
    const { pausedMs } = this.subscriptions;
    if (pausedMs > 0) {
      this.sendTimer = setTimeout(() => this.sendNext(), pausedMs);
      return;
    }
    const request = this.queue.shift();
    if (request === undefined || this.client === undefined) return;
    this.client.sendText(request.text);
    this.subscriptions.sent(request, this.watchedMs);
    this.sendTimer = setTimeout(() => this.sendNext(), this.requests.pauseMs(monotonicMs()));
  }

  /** What the exchange says about the connection; called while a chunk is walked. */
  control(event: ControlEvent): void {
    this.controls++;
    if (event.kind === 'closing') {
      this.events.log('info', event.reason);
      this.events.closing(event.reason);
      return;
    }
    if (event.kind === 'throttled' || (event.kind === 'refused' && event.native === undefined))
      this.events.log('warn', `the exchange says: ${event.reason}`);
    // who refuses something is there, even where that ends the connection
    if (event.kind === 'refused') this.backoff.reset();
    this.send(this.subscriptions.take(event));
    this.settle();
  }

  private settle(): void {
    const { current, subscriptions } = this;
    if (subscriptions.uselessMs > 0) this.restInstead();
    else if (current === 'SUBSCRIBING' && subscriptions.settled && subscriptions.count('confirmed') > 0)
      this.enter('ACTIVE');
  }

  /** There is nothing that the exchange would send: an open connection would be closed by it, again and again. */
  private restInstead(): void {
    if (this.client === undefined || this.stopped !== undefined) return;
    this.client.destroy();
    this.leave();
    this.rest();
    const isEmpty = this.subscriptions.size === 0;
    this.events.rested(isEmpty ? 'no symbol is left' : 'the exchange refuses all subscriptions');
  }

  /** No connection until something can be asked for. */
  private rest(): void {
    const { uselessMs } = this.subscriptions;
    this.enter('RESTING');
    if (Number.isFinite(uselessMs)) this.retryTimer = setTimeout(() => this.begin(), Math.ceil(uselessMs));
  }

  private wake(): void {
    if (this.subscriptions.uselessMs > 0) return;
    clearTimeout(this.retryTimer);
    this.begin();
  }

  /** Changes what is subscribed without touching the connection; one that rests is opened for what is new. */
  change(added: readonly Subscription[], removed: readonly Subscription[]): void {
    const requests = this.subscriptions.remove(removed);
    this.subscriptions.add(added);
    if (this.current === 'RESTING') this.wake();
    if (this.current !== 'SUBSCRIBING' && this.current !== 'ACTIVE') return;
    if (added.length > 0) this.enter('SUBSCRIBING');
    this.send([...requests, ...this.subscriptions.requests()]);
    this.settle();
  }

  /** Subscribes one channel of one symbol anew, so that the exchange sends a new snapshot. */
  resubscribe(subscription: Subscription): void {
    if (this.current !== 'SUBSCRIBING' && this.current !== 'ACTIVE') return;
    const requests = this.subscriptions.resubscribe(subscription);
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

  /**
   * Watches for silence and late acknowledgements; call it several times a second. Judges by what had been watched at
   * the tick before, so that a tick that is late leaves time to read what waits in the socket.
   */
  tick(): void {
    const now = monotonicMs();
    const passedMs = Math.min(now - this.tickedMs, TICK_MS_MAX);
    this.tickedMs = now;
    if (this.client === undefined || (this.current !== 'SUBSCRIBING' && this.current !== 'ACTIVE')) return;
    this.note(this.client);
    const fault = this.fault();
    if (fault !== undefined) {
      this.giveUp(fault, true);
      return;
    }
    this.keepAlive(now);
    this.askAgain();
    if (this.client === undefined) return;
    this.watchedMs += passedMs;
  }

  /** While it is paused by us nothing is read, so that nothing counts. */
  private note({ unfinishedMessage, paused }: WebSocketClient): void {
    if (paused) this.lastBytesMs = this.watchedMs;
    if (paused || unfinishedMessage !== this.unfinished) this.unfinishedSinceMs = this.watchedMs;
    this.unfinished = unfinishedMessage;
  }

  private get quietMs(): number {
    return this.watchedMs - this.lastBytesMs;
  }

  /** Silence, or one message on its way for too long, however many of its bytes arrive meanwhile. */
  private fault(): string | undefined {
    const { messageTimeoutMs } = this.options;
    if (this.quietMs > messageTimeoutMs) return `nothing arrived for ${Math.round(this.quietMs / 1000)} s`;
    const unfinishedMs = this.unfinished === 0 ? 0 : this.watchedMs - this.unfinishedSinceMs;
    if (unfinishedMs <= messageTimeoutMs) return undefined;
    return `a message has not ended within ${Math.round(unfinishedMs / 1000)} s`;
  }

  private askAgain(): void {
    this.subscriptions.tick(this.watchedMs);
    if (this.subscriptions.isMute) {
      this.giveUp('the exchange confirmed none of the subscriptions');
      return;
    }
    this.send(this.subscriptions.requests());
    this.settle();
  }

  /**
   * Keeps the connection alive as its exchange wants it, and asks a quiet one in time for its answer: that nothing happens
   * on a market is no reason to leave it, and an exchange may ping too seldom to show that it is there.
   */
  private keepAlive(now: number): void {
    const rule = this.exchange.keepAlive;
    const everyMs = rule?.everyMs ?? Number.POSITIVE_INFINITY;
    const askMs = Math.min(everyMs, this.options.messageTimeoutMs * ASKED_AFTER);
    const passedMs = now - Math.max(this.pingedMs, this.openedMs);
    const isDue = rule?.onlyWhenQuiet === false && passedMs >= everyMs;
    const isQuiet = this.quietMs >= askMs && passedMs >= askMs;
    if (!isDue && !isQuiet) return;
    this.pingedMs = now;
    if (rule?.text === undefined) this.client?.ping();
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
    if (info.kind === 'handshake') this.gate.refused(info.code, info.retryAfter);
    const answered = this.openedMs > 0 || info.code !== NO_ANSWER;
    this.ended(`${info.reason} (${info.kind} ${info.code})`, false, answered, info.code);
  }

  private leave(): void {
    this.client = undefined;
    clearTimeout(this.sendTimer);
    this.sendTimer = undefined;
    this.openedMs = 0;
  }

  private ended(reason: string, stale: boolean, answered = true, code = NO_ANSWER): void {
    this.leave();
    const backoffMs = this.backoff.next(answered ? undefined : UNANSWERED_RETRY_MS);
    if (!answered) this.events.unanswered();
    if (this.subscriptions.uselessMs > 0) {
      this.rest();
      this.events.lost(`${reason}; the connection rests`, stale, code);
      return;
    }
    const delay = Math.max(backoffMs, this.gate.waitMs(), this.events.reserveConnect());
    this.enter(this.backoff.count > ERROR_AFTER_FAILURES ? 'ERROR' : 'RECONNECTING');
    this.events.lost(`${reason}; next attempt in ${(delay / 1000).toFixed(1)} s`, stale, code);
    this.retryTimer = setTimeout(() => this.connect(), delay);
  }
}
