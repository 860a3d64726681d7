/**
 * The sessions of one group of streams: one, or with `redundancy` two, and one more for each that is being replaced. A
 * session is replaced before the exchange ends its connection, and as soon as that is announced:
 *
 *   old   ──────── delivers ────────────────────────┐ overlap ┌── closes, what was on its way is taken
 *   new                        connects, subscribes ┴ delivers ┴──────────────────────────────────────►
 *
 * What both bring is stored once: arbiter.ts, sequence.ts. Shard threads.
 */
import { monotonicMs } from '../base/clock.js';
import { SESSION } from '../counters/declarations.js';
import { STATES } from './connection/state.js';
import { Arbiter, NOBODY, SEATS } from './continuity/arbiter.js';
import { rotationAgeMs } from './continuity/rotation.js';
import { type Remedy, Silence } from './continuity/silence.js';
import { Stillness } from './continuity/stillness.js';
import type { Exchange } from './exchange.js';
import type { StreamSpec } from './rows/streams.js';
import { type LossCause, Session } from './session.js';
import type { SessionHost, SessionInit } from './session_init.js';
import { StreamGroup } from './stream_group.js';

/** For so long both sessions deliver before the old one closes: one may be behind the other. */
const OVERLAP_MS = 2000;
/** A new session of quiet streams takes over when it has been subscribed for so long without having delivered. */
const QUIET_MS = 30_000;
/** A connection is watched for silent streams once it has been open for so long. */
const SETTLED_MS = 10_000;
/** Silence is looked for so often. */
const SILENCE_EVERY_MS = 1000;
/** So long the old session waits for the snapshots of books that the new one has asked for. */
const SNAPSHOTS_MS = 30_000;

/** A session and the one that takes over from it. */
interface Succession {
  readonly old: Session;
  readonly next: Session;
  /** monotonic ms: since when `next` is subscribed, and since when it delivers; 0: not yet */
  upMs: number;
  deliveringMs: number;
  /** the old one is closing */
  closing: boolean;
}

export class SessionSet {
  private readonly group: StreamGroup;
  private readonly sessions: Session[] = [];
  private readonly successions: Succession[] = [];
  private stopping = false;
  /** monotonic ms: since when no session is up; 0 while one is, and before the first one was */
  private uncoveredMs = 0;
  private wasUp = false;
  private readonly silence: Silence;
  private readonly stillness = new Stillness();
  /** monotonic ms */
  private listenedMs = 0;
  /** as they were reported */
  private silent = '';
  /** of the rules: which state of their breakers was told */
  private toldRevision = 0;

  constructor(
    private readonly exchange: Exchange,
    private readonly init: SessionInit,
    private readonly host: SessionHost,
  ) {
    this.group = new StreamGroup(exchange, init, host);
    this.silence = this.createSilence();
    for (let i = 0; i < init.redundancy; i++) this.add();
    this.arbitrate(NOBODY);
  }

  start(): void {
    for (const session of this.sessions) session.start();
  }

  private add(): Session {
    const seats = this.sessions.map(({ seat }) => seat);
    const seat = Array.from({ length: SEATS }, (_, n) => n).find((n) => !seats.includes(n)) ?? 0;
    const session = new Session(this.exchange, this.init, this.host, this.group, seat, {
      state: () => this.showState(),
      lost: (lost, cause) => this.lost(lost, cause),
      closing: (closing, reason) => this.replaceDelivering(closing, reason),
      storedElsewhere: (asking, slot) => this.storedElsewhere(asking, slot),
    });
    this.sessions.push(session);
    this.group.rows.arbiter?.join(seat);
    return session;
  }

  /** There is somebody to judge as long as there are several sessions; `owner`: whose the books are. */
  private arbitrate(owner: number): void {
    const { group } = this;
    if (this.sessions.length < 2) group.rows.arbiter = undefined;
    else
      group.rows.arbiter ??= new Arbiter(
        group.tablesWithoutIds,
        group.hasBooks,
        { taken: (slot, from) => this.taken(slot, from), known: () => group.counters[SESSION.known_rows]++ },
        owner,
        group.streams.size,
      );
  }

  private at(seat: number): Session | undefined {
    return this.sessions.find((session) => session.seat === seat);
  }

  private storedElsewhere({ seat }: Session, slot: number): number {
    const owner = this.group.rows.arbiter?.ownerOf(slot) ?? NOBODY;
    if (owner === NOBODY || owner === seat) return -1;
    return Math.max(0, this.at(owner)?.newestChange(slot) ?? 0);
  }

  /** A snapshot of the successor is about to be written; what the old session has not brought yet may be missing. */
  private taken(slot: number, from: number): void {
    const old = this.at(from);
    const { arbiter } = this.group.rows;
    if (old !== undefined && arbiter !== undefined) this.at(arbiter.seat)?.inheritBook(slot, old, 'handover');
  }

  // ---- streams that are silent

  private createSilence(): Silence {
    const { exchange, group, init, sessions } = this;
    const books = (slot: number) => Math.max(0, ...sessions.map((session) => session.bookReceivedAt(slot)));
    return new Silence(
      init.channels.map((name) => ({
        name,
        table: exchange.channels[name].table,
        receivedAt: (slot) => group.sequences.get(name)?.receivedAt(slot) ?? books(slot),
      })),
    );
  }

  /** Once a second while a connection is up. */
  private listen(): void {
    const now = monotonicMs();
    const session = this.sessions.find(({ isUp, ageMs }) => isUp && ageMs > SETTLED_MS);
    if (session === undefined || now - this.listenedMs < SILENCE_EVERY_MS) return;
    this.listenedMs = now;
    const { streams } = this.group;
    const isSubscribed = (slot: number, channel: string) =>
      session.isSubscribed({ channel, native: streams.specs[slot].native });
    for (const remedy of this.silence.second(streams.size, isSubscribed)) this.carryOut(remedy, session);
    if (this.stillness.second(this.silence.moved)) this.replaceStill();
    const names = this.silence.silent.map(({ slot, channel }) => `${streams.specs[slot].native} ${channel}`);
    if (names.join() === this.silent) return;
    this.silent = names.join();
    this.host.silent(names);
  }

  private carryOut({ slot, channel, kind, since }: Remedy, session: Session): void {
    const { native } = this.group.streams.specs[slot];
    this.group.counters[SESSION.silences]++;
    const subscribed = this.host.clock.now[0] - Math.round(session.ageMs / 1000);
    this.group.sequences.get(channel)?.silent(slot, since || subscribed);
    this.group.logMessage(`${channel} of ${native} has stopped; it is subscribed again`);
    if (kind === 'replace') this.replaceDelivering(session, `${channel} of ${native} stays silent`);
    else for (const each of this.sessions) each.resubscribe({ channel, native }, slot);
  }

  /** Nothing comes any more: what was missed shows when another connection brings something. */
  private replaceStill(): void {
    const { group } = this;
    group.counters[SESSION.silences]++;
    group.logMessage('nothing comes any more although the connection is up');
    for (const sequence of group.sequences.values()) sequence.interrupted('silence');
    for (const session of [...this.sessions]) this.replaceDelivering(session, 'nothing comes any more');
  }

  // ---- symbols whose rows break rules

  private tellFailing(): void {
    const { rules, streams } = this.group;
    if (rules.revision === this.toldRevision) return;
    this.toldRevision = rules.revision;
    const natives = rules.tripped.map((slot) => streams.specs[slot].native);
    this.host.failing(natives);
    if (natives.length > 0)
      this.group.logMessage(`too many rows break a rule of [validation]: ${natives.join(', ')}`);
  }

  // ---- one session after the other

  private succession(session: Session): Succession | undefined {
    return this.successions.find(({ old, next }) => old === session || next === session);
  }

  /** Only what delivers is worth replacing: whoever is told so while it subscribes would be told again. */
  private replaceDelivering(session: Session, reason: string): void {
    if (session.isDelivering) this.replace(session, reason);
  }

  private replace(old: Session, reason: string): void {
    if (this.stopping || this.succession(old) !== undefined) return;
    this.host.log('info', `another connection takes over: ${reason}`);
    const next = this.add();
    this.arbitrate(old.seat);
    this.successions.push({ old, next, upMs: 0, deliveringMs: 0, closing: false });
    this.nameSuccessor();
    next.start();
  }

  private nameSuccessor(): void {
    const { arbiter } = this.group.rows;
    if (arbiter !== undefined) arbiter.successor = this.successions[0]?.next.seat ?? NOBODY;
  }

  /** Sessions that are old enough get a successor, and those whose successor delivers close. */
  private rotate(): void {
    const now = monotonicMs();
    const ageMs = this.init.connectionSecsMax * 1000;
    for (const [n, session] of [...this.sessions].entries())
      if (ageMs > 0 && session.ageMs > rotationAgeMs(ageMs, this.init.exchange, this.init.session, n))
        this.replaceDelivering(session, 'the exchange will end the connection');
    for (const succession of this.successions) {
      if (succession.closing || !this.isReady(succession, now)) continue;
      succession.closing = true;
      void this.close(succession);
    }
  }

  private isReady(succession: Succession, now: number): boolean {
    const { next } = succession;
    if (!next.isUp) succession.upMs = succession.deliveringMs = 0;
    else if (succession.upMs === 0) succession.upMs = now;
    if (next.isDelivering && succession.deliveringMs === 0) succession.deliveringMs = now;
    const { upMs, deliveringMs } = succession;
    if (upMs === 0) return false;
    if (deliveringMs === 0) return now - upMs > QUIET_MS;
    return now - deliveringMs > OVERLAP_MS && (now - upMs > SNAPSHOTS_MS || this.hasBooks(succession));
  }

  /** Whether the books that the old session has complete are those of the new one, or will be when it closes. */
  private hasBooks({ old, next }: Succession): boolean {
    const { rows, streams } = this.group;
    if (next.continuesBooks) return true;
    return streams.specs.every((_, slot) => rows.arbiter?.ownerOf(slot) !== old.seat || !old.hasBook(slot));
  }

  private async close({ old, next }: Succession): Promise<void> {
    await old.stop();
    this.leave(old, next, 'handover');
  }

  /** The session has ended for good; its books go to another one. */
  private leave(old: Session, heir: Session, cause: 'handover' | LossCause): void {
    this.passBooks(old, heir, cause);
    this.sessions.splice(this.sessions.indexOf(old), 1);
    const succession = this.succession(old);
    if (heir.isUp) this.group.counters[SESSION.handovers]++;
    if (succession !== undefined) this.successions.splice(this.successions.indexOf(succession), 1);
    this.nameSuccessor();
    this.arbitrate(heir.seat);
    this.showState();
  }

  private passBooks(old: Session, heir: Session, cause: 'handover' | LossCause): void {
    const { arbiter } = this.group.rows;
    if (arbiter === undefined || !this.group.hasBooks) return;
    for (let slot = 0; slot < this.group.streams.size; slot++) {
      if (arbiter.ownerOf(slot) !== old.seat) continue;
      arbiter.pass(slot, heir.seat);
      heir.takeBook(slot, old, cause);
    }
    this.group.publish();
  }

  /** A connection is gone. Where another one delivers, nothing is missing, and its books go there. */
  private lost(session: Session, cause: LossCause): void {
    const others = this.sessions.filter((other) => other !== session);
    const heir = others.find(({ isUp }) => isUp);
    // where subscriptions are not confirmed, one that is up may not be subscribed yet
    if (!others.some(({ isDelivering }) => isDelivering)) this.group.interrupted(cause);
    const succession = this.successions.find(({ old }) => old === session);
    if (succession !== undefined) void this.abandon(succession, heir ?? succession.next, cause);
    else if (heir !== undefined) this.passBooks(session, heir, cause);
  }

  /** The exchange was faster: the old session does not connect again. */
  private async abandon(succession: Succession, heir: Session, cause: LossCause): Promise<void> {
    if (succession.closing) return;
    succession.closing = true;
    this.passBooks(succession.old, heir, cause);
    // it is in the middle of telling that it was lost
    await Promise.resolve();
    await succession.old.stop();
    this.leave(succession.old, heir, cause);
  }

  // ---- all of them

  /** The state of the best of them is that of the group. */
  private showState(): void {
    const states = this.sessions.map(({ state }) => state);
    const isUp = states.includes('ACTIVE');
    this.group.counters[SESSION.up] = states.filter((state) => state === 'ACTIVE').length;
    this.group.counters[SESSION.state] = STATES.indexOf(isUp ? 'ACTIVE' : (states[0] ?? 'STOPPED'));
    if (isUp) this.wasUp = true;
    this.countUncovered(isUp || states.includes('RESTING'));
  }

  /** `isCovered`: everything is received that the exchange would send. */
  private countUncovered(isCovered: boolean): void {
    const now = monotonicMs();
    if (this.uncoveredMs > 0) this.group.counters[SESSION.uncovered_ms] += Math.round(now - this.uncoveredMs);
    this.uncoveredMs = isCovered || !this.wasUp || this.stopping ? 0 : now;
  }

  /** Everything that is due; called a few times a second, with the clock read. */
  tick(): void {
    const { counters } = this.group;
    this.group.tick(this.seenBook, false);
    for (const session of [...this.sessions]) session.tick();
    this.group.publish();
    this.rotate();
    this.listen();
    this.tellFailing();
    this.showState();
    const [first] = this.sessions;
    counters[SESSION.template_hits] = counters[SESSION.messages] - counters[SESSION.template_misses];
    counters[SESSION.refused] = first.subscriptions('refused');
    counters[SESSION.confirmed] = first.subscriptions('confirmed');
  }

  private get seenBook(): ((slot: number) => boolean) | undefined {
    if (!this.group.hasBooks) return undefined;
    return (slot) => this.sessions.some((session) => session.seen(slot));
  }

  /** The ring has plenty of room. */
  relieved(): void {
    for (const session of this.sessions) session.relieved();
  }

  /** Takes symbols up and lets others go; from here on nothing that arrives of these is stored. */
  change(added: readonly StreamSpec[], removed: readonly number[]): void {
    const { group, sessions } = this;
    const gone = group.streams.active().filter((spec) => removed.includes(spec.stream));
    for (const spec of gone) {
      const slot = group.streams.slotOf(spec.native);
      for (const session of sessions) session.leaveBook(slot);
      group.remove(spec);
    }
    group.publish();
    for (const spec of added) {
      const slot = group.add(spec);
      group.rows.arbiter?.resize(group.streams.size);
      for (const session of sessions) session.addBook(slot, spec);
      this.silence.forget(slot);
    }
    for (const session of sessions) session.change(added, gone);
  }

  /** Ends the connections with close handshakes, and what they have still to say goes to the ring. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.sessions.map((session) => session.stop()));
    for (const session of this.sessions) session.endBooks();
    this.group.tick(this.seenBook, true);
    this.group.publish();
    this.showState();
  }
}
