/**
 * What one connection wants to receive, what it has asked for and what the exchange has confirmed. Shard threads; no
 * socket and no clock of its own, so every path can be tested.
 *
 *   wanted ──► requested ──► confirmed
 *     ▲          │ refused by name ────────────────────────► refused ──► wanted again, at growing intervals
 *     │          │ refused without one: again in parts, by channel, then in halves, until a part is one
 *     │          │ no room on the connection: refused, and offered to other connections
 *     └──────────┘ too many requests: again after a pause · no answer in time: again, in parts
 *
 * A refusal without the id of its request is about anything that is unanswered, so from the first one on parts are asked
 * one at a time. What is known of culprits outlives the connection: some exchanges close it with the refusal.
 */
import { groupBy } from '../../base/group_by.js';
import type { ControlEvent, ControlRequest, Exchange, Limit, Subscription } from '../exchange.js';
import { SubscriptionMap } from './subscription_map.js';

/** What is asked for together and apart from the rest, because a request that named it was refused. */
interface Part {
  readonly entries: readonly Entry[];
}

type State = 'wanted' | 'requested' | 'confirmed' | 'refused';

interface Entry {
  readonly subscription: Subscription;
  /** changed by enter() alone */
  state: State;
  part: Part | undefined;
  /** id of the request that named it last */
  request: number;
  /** acknowledgement timeouts in a row */
  timeouts: number;
  /** refusals in a row; the newest in the exchange's words, whether it named the culprit, and when to ask again */
  refusals: number;
  reason: string;
  byName: boolean;
  retryMs: number;
}

interface Open {
  readonly request: ControlRequest;
  /** by the watched clock; undefined while it waits for its turn */
  sentMs: number | undefined;
}

type RefusedEvent = ControlEvent & { readonly kind: 'refused' };

/** A refusal that does not say what it means: what was unanswered when it came. Some of it may still be confirmed. */
interface Doubt {
  readonly suspects: readonly Entry[];
  readonly event: RefusedEvent;
  /** the culprit was found: all others are only to be asked for again */
  readonly named: boolean;
  readonly untilMs: number;
}

export interface Refusal extends Subscription {
  /** in the exchange's words */
  readonly reason: string;
}

export interface SubscriptionEvents {
  /** the exchange refuses it; not told again when a later attempt meets the same words */
  refused(subscription: Subscription, reason: string): void;
  /** these symbols have no room on this connection */
  surplus(natives: readonly string[], limit: Limit): void;
}

const TIMEOUTS_MAX = 2;
/** What was asked for in vain is asked for in so many parts: each round takes a timeout. */
const PARTS_AFTER_TIMEOUT = 8;
const DOUBT_MS = 500;
/** An exchange that confirms nothing refuses at once, or not at all. */
const PROBATION_MS = 1500;
const RETRY_FIRST_MS = 20_000;
const RETRY_LONGEST_MS = 900_000;
/** Too many requests: how long to send none. */
const PAUSE_FIRST_MS = 2000;
const PAUSE_LONGEST_MS = 60_000;

export class Subscriptions {
  private readonly entries = new SubscriptionMap<Entry>();
  /** entries by state */
  private readonly tally: Record<State, number> = { wanted: 0, requested: 0, confirmed: 0, refused: 0 };
  private readonly open = new Map<number, Open>();
  private parts: Part[] = [];
  private doubts: Doubt[] = [];
  private oneByOne = false;
  private pausedUntilMs = 0;
  private pauseMs = PAUSE_FIRST_MS;
  private nextId = 1;
  /** something was removed that a request without it has yet to end */
  private stale = false;
  private unanswered = false;
  /** grows with every change of what refusals() answers */
  revision = 0;

  constructor(
    private readonly exchange: Pick<
      Exchange,
      'subscribe' | 'unsubscribe' | 'acknowledges' | 'subscribeReplacesAll'
    >,
    private readonly events: SubscriptionEvents,
    private readonly ackTimeoutMs: number,
    /** milliseconds that go on whatever happens: for pauses and for what is tried again */
    private readonly now: () => number,
  ) {}

  /** Adds what is not there yet; requests() will ask for it. */
  add(subscriptions: readonly Subscription[]): void {
    for (const subscription of subscriptions) {
      if (this.entries.get(subscription) !== undefined) continue;
      this.entries.add(subscription, entryOf(subscription));
      this.tally.wanted++;
    }
  }

  private enter(entry: Entry, state: State): void {
    // what a request or a part still names may have been removed
    if (this.entries.get(entry.subscription) === entry) {
      this.tally[entry.state]--;
      this.tally[state]++;
    }
    entry.state = state;
  }

  /** Forgets them and answers the messages that end what was asked for. */
  remove(subscriptions: readonly Subscription[]): ControlRequest[] {
    const asked = subscriptions.filter((s) => {
      const entry = this.entries.get(s);
      if (entry === undefined) return false;
      if (entry.refusals > 0) this.revision++;
      this.entries.delete(s);
      this.tally[entry.state]--;
      return entry.state !== 'refused';
    });
    if (asked.length === 0) return [];
    if (this.exchange.subscribeReplacesAll === true) {
      this.stale = true;
      return [];
    }
    return this.number(this.exchange.unsubscribe(asked, this.nextId));
  }

  /** Messages that end one subscription and ask for it again: the exchange answers with a new snapshot. */
  resubscribe(subscription: Subscription): ControlRequest[] {
    const entry = this.entries.get(subscription);
    if (entry === undefined || entry.state === 'refused') return [];
    if (this.exchange.subscribeReplacesAll === true) return this.ask([entry]);
    return [...this.number(this.exchange.unsubscribe([subscription], this.nextId)), ...this.ask([entry])];
  }

  /** A new connection knows nothing: everything is wanted again but what earlier ones were refused. */
  reset(): void {
    for (const doubt of this.doubts.splice(0)) this.resolve(doubt);
    this.open.clear();
    this.stale = false;
    this.unanswered = false;
    this.pausedUntilMs = 0;
    this.again(this.entries.values().filter((e) => e.state !== 'refused'));
    this.retryDue();
  }

  /** Messages that ask for everything that may be asked for now. */
  requests(): ControlRequest[] {
    if (this.now() < this.pausedUntilMs) return [];
    const requests = this.ask(this.in('wanted').filter((e) => e.part === undefined));
    while (this.parts.length > 0 && !(this.oneByOne && this.count('requested') > 0)) {
      const { entries } = this.parts.shift() as Part;
      const left = entries.filter((e) => e.state === 'wanted' && this.entries.get(e.subscription) === e);
      if (left.length > 0) requests.push(...this.ask(left));
    }
    return requests;
  }

  private ask(entries: readonly Entry[]): ControlRequest[] {
    if (entries.length === 0 && !this.stale) return [];
    this.stale = false;
    for (const entry of entries) this.enter(entry, 'requested');
    const named =
      this.exchange.subscribeReplacesAll === true
        ? [...this.in('confirmed'), ...this.in('requested')]
        : entries;
    if (named.length === 0) return [];
    const subscriptions = named.map((e) => e.subscription);
    const requests = this.number(this.exchange.subscribe(subscriptions, this.nextId));
    for (const request of requests) {
      this.open.set(request.id, { request, sentMs: undefined });
      for (const entry of this.coveredBy(request)) entry.request = request.id;
    }
    return requests;
  }

  private number(requests: ControlRequest[]): ControlRequest[] {
    for (const request of requests) this.nextId = Math.max(this.nextId, request.id + 1);
    return requests;
  }

  private coveredBy({ covers }: ControlRequest): Entry[] {
    return covers.map((s) => this.entries.get(s)).filter((e) => e !== undefined);
  }

  /** A request has left: its time begins. */
  sent({ id }: ControlRequest, watchedMs: number): void {
    const open = this.open.get(id);
    if (open !== undefined) open.sentMs = watchedMs;
  }

  /** How long nothing may be sent, ms. */
  get pausedMs(): number {
    return Math.max(0, this.pausedUntilMs - this.now());
  }

  /** Takes what the exchange says; answers further requests that follow from it. */
  take(event: ControlEvent): ControlRequest[] {
    if (event.kind === 'accepted') this.accepted(event.id, event.native);
    else if (event.kind === 'state') for (const s of event.subscriptions) this.confirm(this.entries.get(s));
    else if (event.kind === 'refused') this.refuse(event);
    else if (event.kind === 'throttled') this.throttle(event.id);
    return this.requests();
  }

  private accepted(id: number, native: string | undefined): void {
    const open = this.open.get(id);
    if (open === undefined) return;
    for (const entry of this.coveredBy(open.request))
      if (entry.state === 'requested' && (native === undefined || native === entry.subscription.native))
        this.confirm(entry);
    if (native === undefined) this.open.delete(id);
  }

  private confirm(entry: Entry | undefined): void {
    if (entry === undefined) return;
    if (entry.refusals > 0) this.revision++;
    this.enter(entry, 'confirmed');
    Object.assign(entry, { part: undefined, timeouts: 0, refusals: 0, reason: '' });
    this.pauseMs = PAUSE_FIRST_MS;
  }

  private refuse(event: RefusedEvent): void {
    const { id, native, channel } = event;
    const request = id === undefined ? undefined : this.open.get(id)?.request;
    // of a request that was given up
    if (id !== undefined && request === undefined && native === undefined && channel === undefined) return;
    const pool = request === undefined ? this.entries.values() : this.coveredBy(request);
    const suspects = pool.filter((e) => e.state === 'requested');
    const isMeant = ({ subscription: s }: Entry) =>
      (native === undefined || s.native === native) && (channel === undefined || s.channel === channel);
    const isNamed = (native !== undefined || channel !== undefined) && pool.some(isMeant);
    const culprits = isNamed ? suspects.filter(isMeant) : suspects;
    // of what is confirmed, or was refused before
    if (culprits.length === 0) return;
    const others = suspects.filter((e) => !culprits.includes(e));
    const isCertain = isNamed && event.limit === undefined;
    if (isCertain) this.deny(culprits, event, true);
    if (request !== undefined && event.whole === true) {
      this.open.delete(request.id);
      this.again(others);
      if (!isCertain) this.settle(culprits, event);
    } else if (request === undefined || !isCertain)
      this.wait(event, isCertain ? others : culprits, isCertain);
  }

  /** What is unanswered was refused with it, or not: a moment later it shows. */
  private wait(event: RefusedEvent, suspects: readonly Entry[], named: boolean): void {
    if (!named && event.id === undefined) this.oneByOne = true;
    if (suspects.length > 0) this.doubts.push({ suspects, event, named, untilMs: this.now() + DOUBT_MS });
  }

  private resolve({ suspects, event, named }: Doubt): void {
    const left = suspects.filter((e) => e.state === 'requested');
    if (named) this.again(left);
    else if (left.length > 0) this.settle(left, event);
  }

  /** Some of these were refused, and it is not known which. */
  private settle(entries: readonly Entry[], event: RefusedEvent): void {
    const { channel } = entries[0].subscription;
    const roomFor = this.in('confirmed').some((e) => e.subscription.channel === channel);
    if (event.limit !== undefined && (roomFor || event.limit === 'connections'))
      this.deny(entries, event, false);
    else this.split(entries, event, 2);
  }

  private split(
    entries: readonly Entry[],
    event: Pick<RefusedEvent, 'reason' | 'limit'>,
    ways: number,
  ): void {
    if (entries.length === 1) {
      this.deny(entries, event, false);
      return;
    }
    const channels = groupBy(entries, (e) => e.subscription.channel);
    const size = Math.ceil(entries.length / ways);
    const groups = channels.size > 1 ? [...channels.values()] : chunksOf(entries, size);
    const parts = groups.map((group) => ({ entries: group }));
    for (const part of parts) this.want(part);
    this.parts.unshift(...parts);
  }

  private deny(
    entries: readonly Entry[],
    { reason, limit }: Pick<RefusedEvent, 'reason' | 'limit'>,
    byName: boolean,
  ): void {
    for (const entry of entries) {
      const isNews = entry.reason !== reason;
      const delay = Math.min(RETRY_LONGEST_MS, RETRY_FIRST_MS * 2 ** Math.min(entry.refusals, 30));
      const retryMs = this.now() + delay;
      const refusals = entry.refusals + 1;
      this.enter(entry, 'refused');
      Object.assign(entry, { part: undefined, timeouts: 0, reason, byName, refusals, retryMs });
      if (isNews || refusals === 1) this.revision++;
      if (isNews) this.events.refused(entry.subscription, reason);
    }
    if (limit === undefined) return;
    this.events.surplus([...new Set(entries.map((e) => e.subscription.native))], limit);
  }

  /** Wanted again, in the parts that they belonged to. */
  private again(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.enter(entry, 'wanted');
      if (entry.part !== undefined && !this.parts.includes(entry.part)) this.parts.unshift(entry.part);
    }
  }

  private throttle(id: number | undefined): void {
    const open = id === undefined ? undefined : this.open.get(id);
    const entries = open === undefined ? this.in('requested') : this.coveredBy(open.request);
    this.again(entries.filter((e) => e.state === 'requested'));
    if (id !== undefined) this.open.delete(id);
    this.pausedUntilMs = this.now() + this.pauseMs;
    this.pauseMs = Math.min(PAUSE_LONGEST_MS, 2 * this.pauseMs);
  }

  /** What time brings; call it several times a second, and then requests(). */
  tick(watchedMs: number): void {
    const now = this.now();
    for (const doubt of this.doubts.filter(({ untilMs }) => now >= untilMs)) {
      this.doubts = this.doubts.filter((other) => other !== doubt);
      this.resolve(doubt);
    }
    const timeoutMs = this.exchange.acknowledges === false ? PROBATION_MS : this.ackTimeoutMs;
    for (const [id, { request, sentMs }] of this.open) {
      if (sentMs === undefined || watchedMs - sentMs <= timeoutMs) continue;
      this.open.delete(id);
      this.late(this.coveredBy(request), id);
    }
    this.retryDue();
  }

  /** The exchange has not answered to these in time. */
  private late(covered: readonly Entry[], id: number): void {
    const late = covered.filter((e) => e.state === 'requested' && e.request === id);
    if (this.exchange.acknowledges === false) {
      for (const entry of late) this.confirm(entry);
      return;
    }
    if (late.length === 0) return;
    if (this.count('confirmed') === 0) this.unanswered = true;
    const event = { reason: 'not confirmed by the exchange' };
    if (late.length > 1 && late.length === covered.length) {
      this.split(late, event, PARTS_AFTER_TIMEOUT);
      return;
    }
    for (const entry of late) entry.timeouts++;
    this.deny(
      late.filter((e) => e.timeouts >= TIMEOUTS_MAX),
      event,
      false,
    );
    this.again(late.filter((e) => e.state === 'requested'));
  }

  /** Asks for what was refused again: in one request where the exchange names culprits, otherwise each by itself. */
  private retryDue(): void {
    const now = this.now();
    const entries = this.in('refused').filter((e) => now >= e.retryMs);
    const named = entries.filter((e) => e.byName);
    const groups = [named, ...entries.filter((e) => !e.byName).map((e) => [e])];
    for (const group of groups.filter(({ length }) => length > 0)) {
      const part = { entries: group };
      this.want(part);
      this.parts.push(part);
    }
  }

  private want(part: Part): void {
    for (const entry of part.entries) {
      this.enter(entry, 'wanted');
      entry.part = part;
    }
  }

  /** Whether a timeout has passed without any confirmation on this connection. */
  get isMute(): boolean {
    return this.unanswered && this.count('confirmed') === 0;
  }

  /** Whether nothing is wanted or asked for any more, but for what is tried again after a refusal. */
  get settled(): boolean {
    return ![...this.in('wanted'), ...this.in('requested')].some(({ refusals }) => refusals === 0);
  }

  /** For how long a connection would be of no use: everything was refused, or nothing is wanted at all. */
  get uselessMs(): number {
    if (this.count('refused') < this.size) return 0;
    return Math.max(0, Math.min(...this.in('refused').map((e) => e.retryMs)) - this.now());
  }

  /** Whether nothing is wanted but what was refused before, be it that it is asked for again. */
  get isIdle(): boolean {
    return this.count('confirmed') === 0 && this.settled;
  }

  /** Everything that the exchange refuses at present; what is being tried again is. */
  refusals(): Refusal[] {
    return this.entries
      .values()
      .filter((e) => e.refusals > 0)
      .map(({ subscription, reason }) => ({ ...subscription, reason }));
  }

  private in(state: State): Entry[] {
    return this.tally[state] === 0 ? [] : this.entries.values().filter((e) => e.state === state);
  }

  isConfirmed(subscription: Subscription): boolean {
    return this.entries.get(subscription)?.state === 'confirmed';
  }

  count(state: State): number {
    return this.tally[state];
  }

  get size(): number {
    return this.entries.size;
  }
}

function entryOf(subscription: Subscription): Entry {
  return {
    subscription,
    state: 'wanted',
    part: undefined,
    request: 0,
    timeouts: 0,
    refusals: 0,
    reason: '',
    byName: false,
    retryMs: 0,
  };
}

function chunksOf<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}
