/**
 * Streams that have stopped although their connection has not: an exchange may acknowledge a subscription and send nothing,
 * or stop sending one of several. Each stream, a channel of a symbol, is judged by what its siblings do, which are the
 * other channels of the symbol and the same channel of other symbols: how often it moves in the seconds in which they do.
 * So a market that is quiet as a whole is no fault, and one that is always quiet is given the time it needs.
 *
 *   trades     ▮ ▮▮  ▮ ▮▮▮ ▮ ▮▮  ▮▮▮▮▮▮ ▮ ▮▮▮▮ ▮▮▮ ▮▮
 *   aggregates ▮ ▮▮  ▮ ▮▮▮ ▮ ▮▮  ▮                      ► 30 seconds in which it would have moved: silent
 *
 * What is silent is subscribed again, then gets another connection, and is then tried less and less often. Shard threads,
 * once a second.
 */
import type { Table } from '../../schema/layout.js';
import { AGG_TRADES, BBO, BOOK, TRADES } from '../../schema/tables.js';

/** A stream is silent when it has not moved in so many seconds in which it usually would have. */
const EXPECTED_SECS = 30;
/** … nor for so many times the longest pause it has made before. */
const PAUSES = 4;
/** Seconds in which siblings have moved before a stream is judged by them, and in which it has moved itself. */
const LEARNED_SECS = 30;
const LEARNED_MOVES = 10;
/** What was learned longer ago counts half. */
const HALF_LIFE_SECS = 3600;
/** Seconds with trades after which a stream that has never sent anything is silent: every trade shows in it. */
const TRADES_UNTIL_SILENT = 10;
/** The same for best quotes and books: they may be sent only when a price has changed. */
const TRADES_UNTIL_BOOK_SILENT = 60;
/** Who falls silent again within so many seconds gets the next remedy, not the first one. */
const RELAPSE_SECS = 600;
/** What a remedy is given time for, and the longest time between two. */
const REMEDY_SECS = 20;
const REMEDY_SECS_MAX = 14_400;

/** A channel whose streams are watched. */
export interface WatchedChannel {
  readonly name: string;
  readonly table: Table;
  /** when the newest message of a slot was received, in seconds since 1970; 0: never */
  receivedAt(slot: number): number;
}

/** What to do about a stream. */
export interface Remedy {
  readonly slot: number;
  readonly channel: string;
  readonly kind: 'resubscribe' | 'replace';
  /** when it was heard of last, seconds since 1970; 0: never */
  readonly since: number;
}

/** How often one thing happens in the seconds in which another one does. */
class Pace {
  /** seconds with the other one up to the newest move, and those of them with a move */
  private base = 0;
  private moves = 0;
  private longest = 0;
  /** seconds with the other one since then */
  private owed = 0;

  second(moved: boolean, siblingMoved: boolean): void {
    if (siblingMoved) this.owed++;
    if (!moved) return;
    if (siblingMoved) this.moves++;
    this.longest = Math.max(this.longest, this.owed);
    this.base += this.owed;
    this.owed = 0;
    if (this.base < HALF_LIFE_SECS) return;
    this.base /= 2;
    this.moves /= 2;
    this.longest /= 2;
  }

  /** The pause that ends now was none of its own. */
  excuse(): void {
    this.owed = 0;
  }

  get isOverdue(): boolean {
    const { base, moves, longest, owed } = this;
    if (base < LEARNED_SECS || moves < LEARNED_MOVES) return false;
    return owed >= Math.max((EXPECTED_SECS * base) / moves, PAUSES * longest);
  }
}

interface Stream {
  receivedAt: number;
  started: boolean;
  moved: boolean;
  bySymbol: Pace;
  byChannel: Pace;
  /** seconds with trades of the symbol since it was subscribed or has moved */
  trades: number;
  /** remedies so far, 0 while it is not silent */
  remedies: number;
  /** seconds until the next one */
  waitSecs: number;
  /** remedies that it took the last time, and seconds since */
  before: number;
  movingSecs: number;
}

export class Silence {
  /** by channel, then by slot */
  private readonly streams: Stream[][];

  constructor(private readonly channels: readonly WatchedChannel[]) {
    this.streams = channels.map(() => []);
  }

  /** The symbol in this slot is subscribed anew, or is another one. */
  forget(slot: number): void {
    for (const [c, ofChannel] of this.streams.entries()) ofChannel[slot] = this.begin(c, slot);
  }

  private begin(channel: number, slot: number): Stream {
    return {
      receivedAt: this.channels[channel].receivedAt(slot),
      ...{ started: false, moved: false, trades: 0, remedies: 0, waitSecs: 0, before: 0, movingSecs: 0 },
      bySymbol: new Pace(),
      byChannel: new Pace(),
    };
  }

  /** A second has passed with the connection up; `isSubscribed`: whether the stream is to be expected at all. */
  second(slots: number, isSubscribed: (slot: number, channel: string) => boolean): Remedy[] {
    const { channels, streams } = this;
    for (const [c, { receivedAt }] of channels.entries())
      for (let slot = 0; slot < slots; slot++) {
        const stream = (streams[c][slot] ??= this.begin(c, slot));
        const now = receivedAt(slot);
        stream.moved = now !== stream.receivedAt;
        stream.receivedAt = now;
      }
    return channels.flatMap(({ name }, c) => {
      const moving = streams[c].filter(({ moved }) => moved).length;
      return streams[c].flatMap((stream, slot) =>
        isSubscribed(slot, name) ? this.judge(c, slot, stream, moving) : [],
      );
    });
  }

  /** `moving`: streams of the channel that have moved in this second. */
  private judge(c: number, slot: number, stream: Stream, moving: number): Remedy[] {
    const siblings = this.streams.map((ofChannel) => ofChannel[slot]);
    const siblingMoved = siblings.some((other, n) => n !== c && other.moved);
    const traded = siblings.some((other, n) => n !== c && other.moved && isTraded(this.channels[n].table));
    if (stream.moved) moveOn(stream);
    else if (traded) stream.trades++;
    if (stream.remedies > 0) return this.remedy(c, slot, stream);
    stream.movingSecs++;
    stream.bySymbol.second(stream.moved, siblingMoved);
    stream.byChannel.second(stream.moved, moving > (stream.moved ? 1 : 0));
    if (!this.isSilent(c, stream, siblingMoved)) return [];
    stream.waitSecs = 0;
    if (stream.movingSecs < RELAPSE_SECS) stream.remedies = stream.before;
    return this.remedy(c, slot, stream);
  }

  private isSilent(c: number, stream: Stream, siblingMoved: boolean): boolean {
    if (stream.moved) return false;
    if (stream.bySymbol.isOverdue) return true;
    if (stream.started) return !siblingMoved && stream.byChannel.isOverdue;
    const { table } = this.channels[c];
    return (
      stream.trades >= (table === BBO || table === BOOK ? TRADES_UNTIL_BOOK_SILENT : TRADES_UNTIL_SILENT)
    );
  }

  /** What comes next for a stream that is silent. */
  private remedy(c: number, slot: number, stream: Stream): Remedy[] {
    if (stream.waitSecs-- > 0) return [];
    const kind = stream.remedies === 1 ? 'replace' : 'resubscribe';
    stream.waitSecs = Math.min(REMEDY_SECS_MAX, REMEDY_SECS * 3 ** stream.remedies);
    stream.remedies++;
    return [{ slot, channel: this.channels[c].name, kind, since: stream.receivedAt }];
  }

  /** Whether any stream has moved in the last second. */
  get moved(): boolean {
    return this.streams.some((ofChannel) => ofChannel.some(({ moved }) => moved));
  }

  /** The streams that are silent now. */
  get silent(): { slot: number; channel: string }[] {
    return this.streams.flatMap((ofChannel, c) =>
      ofChannel.flatMap(({ remedies }, slot) =>
        remedies > 0 ? [{ slot, channel: this.channels[c].name }] : [],
      ),
    );
  }
}

function moveOn(stream: Stream): void {
  stream.started = true;
  stream.trades = 0;
  if (stream.remedies === 0) return;
  stream.bySymbol.excuse();
  stream.byChannel.excuse();
  stream.before = stream.remedies;
  stream.remedies = stream.movingSecs = 0;
}

function isTraded(table: Table): boolean {
  return table === TRADES || table === AGG_TRADES;
}
