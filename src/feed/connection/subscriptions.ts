/**
 * What one connection wants to receive, what it has requested for and what the exchange has confirmed. Shard threads; no
 * socket and no clock of its own, so every path can be tested.
 *
 * A refusal of one symbol must not cost the others: a refused request that covers several is requested again in halves
 * until only the culprit is left, and what stays unconfirmed after the acknowledgement timeout is requested for once
 * more.
 */
import type { ControlEvent, ControlRequest, Exchange, Subscription } from '../exchange.js';

interface Entry {
  readonly subscription: Subscription;
  state: 'wanted' | 'requested' | 'confirmed' | 'refused';
  /** acknowledgement timeouts that have passed since it was first requested for */
  timeouts: number;
}

const TIMEOUTS_MAX = 2;

function keyOf(s: Subscription): string {
  return `${s.channel} ${s.native}`;
}

export class Subscriptions {
  private readonly entries = new Map<string, Entry>();
  private readonly open = new Map<number, ControlRequest>();
  private nextId = 1;
  /** something was removed that a request without it has yet to end */
  private stale = false;

  constructor(
    private readonly exchange: Pick<
      Exchange,
      'subscribe' | 'unsubscribe' | 'acknowledges' | 'subscribeReplacesAll'
    >,
    private readonly refused: (subscription: Subscription, reason: string) => void,
  ) {}

  /** Adds what is not there yet; requests() will ask for it. */
  add(subscriptions: readonly Subscription[]): void {
    for (const subscription of subscriptions) {
      const key = keyOf(subscription);
      if (!this.entries.has(key)) this.entries.set(key, { subscription, state: 'wanted', timeouts: 0 });
    }
  }

  /** Forgets them and answers the messages that end what was requested for. */
  remove(subscriptions: readonly Subscription[]): ControlRequest[] {
    const known = subscriptions.filter((s) => this.entries.delete(keyOf(s)));
    if (known.length === 0) return [];
    if (this.exchange.subscribeReplacesAll === true) {
      this.stale = true;
      return [];
    }
    return this.number(this.exchange.unsubscribe(known, this.nextId));
  }

  /** Messages that end one subscription and ask for it again: the exchange answers with a new snapshot. */
  resubscribe(subscription: Subscription): ControlRequest[] {
    const entry = this.entries.get(keyOf(subscription));
    if (entry === undefined || entry.state === 'refused') return [];
    if (this.exchange.subscribeReplacesAll === true) return this.request([entry]);
    return [...this.number(this.exchange.unsubscribe([subscription], this.nextId)), ...this.request([entry])];
  }

  /** A new connection knows nothing: everything is wanted again, also what an earlier one was refused. */
  reset(): void {
    this.open.clear();
    this.stale = false;
    for (const entry of this.entries.values()) {
      entry.state = 'wanted';
      entry.timeouts = 0;
    }
  }

  /** Messages that ask for everything that is wanted and not requested for yet. */
  requests(): ControlRequest[] {
    return this.request([...this.entries.values()].filter((e) => e.state === 'wanted'));
  }

  private request(entries: readonly Entry[]): ControlRequest[] {
    if (entries.length === 0 && !this.stale) return [];
    this.stale = false;
    const requested = this.exchange.acknowledges === false ? 'confirmed' : 'requested';
    for (const entry of entries) entry.state = requested;
    const named = this.exchange.subscribeReplacesAll === true ? [...this.entries.values()] : entries;
    if (named.length === 0) return [];
    const requests = this.number(
      this.exchange.subscribe(
        named.map((e) => e.subscription),
        this.nextId,
      ),
    );
    for (const request of requests) this.open.set(request.id, request);
    return requests;
  }

  private number(requests: ControlRequest[]): ControlRequest[] {
    for (const request of requests) this.nextId = Math.max(this.nextId, request.id + 1);
    return requests;
  }

  /** Takes what the exchange says; answers further requests that follow from it. */
  take(event: ControlEvent): ControlRequest[] {
    if (event.kind === 'accepted') {
      for (const s of this.open.get(event.id)?.covers ?? [])
        if (event.native === undefined || event.native === s.native) this.confirm(s);
      if (event.native === undefined) this.open.delete(event.id);
    } else if (event.kind === 'state') {
      for (const s of event.subscriptions) this.confirm(s);
    } else if (event.kind === 'refused') return this.refuse(event);
    return [];
  }

  private confirm(s: Subscription): void {
    const entry = this.entries.get(keyOf(s));
    if (entry !== undefined) entry.state = 'confirmed';
  }

  private refuse(event: ControlEvent & { kind: 'refused' }): ControlRequest[] {
    const request = event.id === undefined ? undefined : this.open.get(event.id);
    if (event.native !== undefined) {
      const within = request?.covers.map((s) => this.entries.get(keyOf(s))) ?? this.entries.values();
      for (const entry of within) {
        if (entry?.subscription.native === event.native && entry.state !== 'confirmed')
          this.giveUp(entry, event.reason);
      }
      return [];
    }
    if (request === undefined) return [];
    this.open.delete(request.id);
    const entries = request.covers
      .map((s) => this.entries.get(keyOf(s)))
      .filter((e) => e !== undefined && e.state !== 'confirmed') as Entry[];
    if (request.covers.length === 1) {
      for (const entry of entries) this.giveUp(entry, event.reason);
      return [];
    }
    const half = Math.ceil(entries.length / 2);
    return [...this.request(entries.slice(0, half)), ...this.request(entries.slice(half))];
  }

  private giveUp(entry: Entry, reason: string): void {
    if (entry.state === 'refused') return;
    entry.state = 'refused';
    this.refused(entry.subscription, reason);
  }

  /** The acknowledgement timeout has passed: asks once more for what is unconfirmed, then gives it up. */
  overdue(): ControlRequest[] {
    const late = [...this.entries.values()].filter((e) => e.state === 'requested');
    for (const entry of late)
      if (++entry.timeouts >= TIMEOUTS_MAX) this.giveUp(entry, 'not confirmed by the exchange');
    this.open.clear();
    return this.request(late.filter((e) => e.state === 'requested'));
  }

  /** Whether nothing is wanted or requested for any more. */
  get settled(): boolean {
    return this.count('wanted') === 0 && this.count('requested') === 0;
  }

  count(state: Entry['state']): number {
    let n = 0;
    for (const entry of this.entries.values()) if (entry.state === state) n++;
    return n;
  }

  get size(): number {
    return this.entries.size;
  }
}
