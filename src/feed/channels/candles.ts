/**
 * HOT: candles added up from trades, for intervals that an exchange does not send; once per stored trade and interval,
 * in shard threads. Of each symbol and interval two candles are remembered: the newest and the one before.
 *
 *   growing ──a trade of a later interval, or 2 s after its end──► over: written ──late trade──► written again
 *
 * The last row of a candle is the one that counts. Trades are put in order by their time and id, so a late one cannot
 * become the close. What is not known to be all of a candle carries `unsynced`: the first one of a symbol, and those on
 * both sides of a gap in its trades.
 */
import { ddAdd, ddCompare, ddMultiply, ddScale, PRODUCT } from '../../base/double_double.js';
import { flag } from '../../schema/flags.js';
import { KLINE_INTERVALS, type KlineInterval, SIDE, TRADES } from '../../schema/tables.js';
import type { RowWriter, TradeListener } from '../rows/row_writer.js';
import { CANDLE_AT, CANDLE_SUMS, CANDLE_WORDS, STATE, SUM_AT, writeCandle } from './candle_rows.js';

/** How long after its end by the wall clock a candle still waits for its trades. */
const GRACE_SECS = 2;
/** A trade so far ahead of the clock would end the candle of now. */
const AHEAD_SECS_MAX = 600;
/** Powers of ten up to here are exact doubles; longer literals are no prices. */
const DECIMALS_MAX = 22;
const POWERS = Float64Array.from({ length: DECIMALS_MAX + 1 }, (_, i) => Number(`1e${i}`));
const TWO_TO_32 = 4_294_967_296;

const T = TRADES.at;
const A = CANDLE_AT;
const S = SUM_AT;
/** Trades that cannot be added up, or may have been added up before, or whose time is not known. */
const LEFT_OUT =
  flag('duplicate_kept') | flag('no_event_time') | flag('failed_validation') | flag('literal_in_sidecar');

export interface CandleEvents {
  /** a trade is in no candle: too late for it, or far ahead of the clock */
  late(): void;
  /** a candle could not be written because the ring was full */
  dropped(slot: number, interval: KlineInterval): void;
}

/** A candle as it stands in memory. */
export interface Candle {
  readonly words: Uint32Array;
  readonly sums: Float64Array;
}

/** State of a candle that a gap or the begin of capture lies in. */
const LACKING = STATE.unsynced;
const CUT_OFF = STATE.unsynced | STATE.partial;

export class Candles implements TradeListener {
  /** is told of a candle that may lack trades when it is forgotten */
  onForget: ((slot: number, i: number, candle: Candle) => void) | undefined;
  private readonly seconds: readonly number[];
  /** by (slot × intervals + interval) × 2 + which of both */
  private words = new Uint32Array(0);
  private sums = new Float64Array(0);
  /** by slot × intervals + interval: which of both is the newest */
  private newest = new Uint8Array(0);
  /** by slot: what the state of the next trade's candle gets, where trades may be missing in front of it */
  private doubtful = new Uint8Array(0);
  // the trade being added up
  private priceLow = 0;
  private priceHigh = 0;
  private priceScale = 0;
  private sizeScale = 0;
  private idLow = 0;
  private idHigh = 0;
  private side = 0;
  private readonly size = new Float64Array(2);
  private readonly quote = new Float64Array(2);

  constructor(
    private readonly rows: RowWriter,
    readonly intervals: readonly KlineInterval[],
    private readonly events: CandleEvents,
  ) {
    this.seconds = intervals.map((interval) => KLINE_INTERVALS[interval]);
  }

  /** Makes room for `slots` streams. */
  resize(slots: number): void {
    const before = this.doubtful.length;
    if (slots <= before) return;
    const grow = <A extends Float64Array | Uint32Array | Uint8Array>(old: A, made: A): A => {
      made.set(old);
      return made;
    };
    const pairs = slots * this.seconds.length;
    this.words = grow(this.words, new Uint32Array(pairs * 2 * CANDLE_WORDS));
    this.sums = grow(this.sums, new Float64Array(pairs * 2 * CANDLE_SUMS));
    this.newest = grow(this.newest, new Uint8Array(pairs));
    this.doubtful = grow(this.doubtful, new Uint8Array(slots).fill(CUT_OFF));
  }

  /** Trades of the slot may be missing between the last one and the next; `lasting`: and cannot be added later. */
  doubt(slot: number, lasting = false): void {
    const state = lasting ? CUT_OFF : LACKING;
    this.doubtful[slot] = state;
    for (let i = 0; i < this.seconds.length; i++) {
      const pair = slot * this.seconds.length + i;
      const at = (pair * 2 + this.newest[pair]) * CANDLE_WORDS;
      if (this.words[at + A.open_time] !== 0) this.words[at + A.state] |= state | STATE.changed;
    }
  }

  /** The trade in the row that begins at `record` was stored. */
  trade(slot: number, u32: Uint32Array, record: number): void {
    const seconds = u32[record + T.trade_time];
    if (!this.isAddable(u32, record)) {
      this.doubt(slot, true);
      return;
    }
    if (seconds > this.rows.received[0] + AHEAD_SECS_MAX) {
      this.events.late();
      return;
    }
    this.take(u32, record);
    let late = 0;
    for (let i = 0; i < this.seconds.length; i++) {
      const inside = seconds % this.seconds[i];
      const c = this.candleOf(slot, i, seconds - inside);
      if (c < 0) late++;
      else this.add(c, inside * 1e9 + u32[record + T.trade_nanos], this.doubtful[slot]);
    }
    if (late > 0) this.events.late();
    if (late < this.seconds.length) this.doubtful[slot] = 0;
  }

  /** Whether the trade can be added up; keeps how many decimals it has. */
  private isAddable(u32: Uint32Array, record: number): boolean {
    const scales = u32[record + T.scales];
    this.priceScale = scales & 255;
    this.sizeScale = (scales >>> 8) & 255;
    if ((u32[record + T.flags] & LEFT_OUT) !== 0) return false;
    return this.priceScale <= DECIMALS_MAX && this.sizeScale <= DECIMALS_MAX;
  }

  private take(u32: Uint32Array, record: number): void {
    this.priceLow = u32[record + T.price_digits];
    this.priceHigh = u32[record + T.price_digits + 1];
    this.idLow = u32[record + T.trade_id];
    this.idHigh = u32[record + T.trade_id + 1];
    this.side = u32[record + T.trade_side];
    const { size, quote } = this;
    size[0] = u32[record + T.size_digits + 1] * TWO_TO_32;
    size[1] = 0;
    ddAdd(size, 0, u32[record + T.size_digits], 0);
    quote[0] = this.priceHigh * TWO_TO_32;
    quote[1] = 0;
    ddAdd(quote, 0, this.priceLow, 0);
    ddMultiply(quote[0], quote[1], size[0], size[1]);
    quote[0] = PRODUCT[0];
    quote[1] = PRODUCT[1];
  }

  /** The candle of interval `i` that begins at `open`, begun when there is none; -1 when it is forgotten. */
  private candleOf(slot: number, i: number, open: number): number {
    const pair = slot * this.seconds.length + i;
    const newest = pair * 2 + this.newest[pair];
    const known = this.words[newest * CANDLE_WORDS + A.open_time];
    if (known === open) return newest;
    const other = newest ^ 1;
    const before = this.words[other * CANDLE_WORDS + A.open_time];
    if (open > known) {
      this.words[newest * CANDLE_WORDS + A.state] |= STATE.over;
      this.write(newest, slot, i);
      this.begin(other, slot, i, open, 0);
      this.newest[pair] ^= 1;
      return other;
    }
    if (open === before) return other;
    if (open < before) return -1;
    // between both nothing had been traded; before the very first one that is unknown
    this.begin(other, slot, i, open, before === 0 ? STATE.over | CUT_OFF : STATE.over);
    return other;
  }

  /** Forgets what stands at `c`. */
  private begin(c: number, slot: number, i: number, open: number, state: number): void {
    if (!this.write(c, slot, i)) this.events.dropped(slot, this.intervals[i]);
    if ((this.words[c * CANDLE_WORDS + A.state] & CUT_OFF) === LACKING)
      this.onForget?.(slot, i, this.copy(c));
    this.words.fill(0, c * CANDLE_WORDS, (c + 1) * CANDLE_WORDS);
    this.sums.fill(0, c * CANDLE_SUMS, (c + 1) * CANDLE_SUMS);
    this.words[c * CANDLE_WORDS + A.open_time] = open;
    this.words[c * CANDLE_WORDS + A.state] = state;
  }

  /** Writes a candle that is over, unless it stands like that already; false when the ring is full. */
  private write(c: number, slot: number, i: number): boolean {
    const at = c * CANDLE_WORDS + A.state;
    if ((this.words[at] & (STATE.over | STATE.changed)) !== (STATE.over | STATE.changed)) return true;
    if (!writeCandle(this.rows, slot, this.intervals[i], this.words, this.sums, c)) return false;
    this.words[at] &= ~STATE.changed;
    return true;
  }

  /** Adds the trade to the candle at `c`; `moment`: nanoseconds since it began. */
  private add(c: number, moment: number, doubt: number): void {
    const { words, sums, size, quote } = this;
    const w = c * CANDLE_WORDS;
    const s = c * CANDLE_SUMS;
    const first = words[w + A.trades] === 0;
    if (first || this.isBefore(moment, sums[s + S.first_moment], w + A.first_id)) {
      this.keepPrice(w + A.open);
      this.keepMoment(s + S.first_moment, moment, w + A.first_id);
    }
    if (first || !this.isBefore(moment, sums[s + S.last_moment], w + A.last_id)) {
      this.keepPrice(w + A.close);
      this.keepMoment(s + S.last_moment, moment, w + A.last_id);
    }
    if (first || this.comparePrice(w + A.high) > 0) this.keepPrice(w + A.high);
    if (first || this.comparePrice(w + A.low) < 0) this.keepPrice(w + A.low);
    words[w + A.trades]++;
    words[w + A.state] |= STATE.changed | doubt;
    const sizeFactor = this.align(w + A.size_scale, this.sizeScale, s, S.volume, S.taker_buy_base);
    const priceFactor = this.align(w + A.price_scale, this.priceScale, s, -1, -1);
    ddMultiply(size[0], size[1], sizeFactor, 0);
    const baseHigh = PRODUCT[0];
    const baseLow = PRODUCT[1];
    ddMultiply(quote[0], quote[1], sizeFactor, 0);
    ddMultiply(PRODUCT[0], PRODUCT[1], priceFactor, 0);
    ddAdd(sums, s + S.volume, baseHigh, baseLow);
    ddAdd(sums, s + S.quote_volume, PRODUCT[0], PRODUCT[1]);
    if (this.side === SIDE.buy) {
      ddAdd(sums, s + S.taker_buy_base, baseHigh, baseLow);
      ddAdd(sums, s + S.taker_buy_quote, PRODUCT[0], PRODUCT[1]);
    } else if (this.side !== SIDE.sell) words[w + A.state] |= STATE.sideless;
  }

  /**
   * Brings sums and trade to the same number of decimals, the larger of both: answers the factor for the trade. What is
   * in quote units always changes, the two sums of base units at `s` + one and `s` + two only with those of the size.
   */
  private align(scaleAt: number, scale: number, s: number, one: number, two: number): number {
    const { words, sums } = this;
    const more = scale - words[scaleAt];
    if (more <= 0) return POWERS[-more];
    words[scaleAt] = scale;
    ddScale(sums, s + S.quote_volume, POWERS[more]);
    ddScale(sums, s + S.taker_buy_quote, POWERS[more]);
    if (one >= 0) ddScale(sums, s + one, POWERS[more]);
    if (two >= 0) ddScale(sums, s + two, POWERS[more]);
    return 1;
  }

  /** Whether the trade happened before another one, whose id stands at `idAt`. */
  private isBefore(moment: number, other: number, idAt: number): boolean {
    const { words } = this;
    if (moment !== other) return moment < other;
    if (this.idHigh !== words[idAt + 1]) return this.idHigh < words[idAt + 1];
    return this.idLow < words[idAt];
  }

  private keepMoment(momentAt: number, moment: number, idAt: number): void {
    this.sums[momentAt] = moment;
    this.words[idAt] = this.idLow;
    this.words[idAt + 1] = this.idHigh;
  }

  private keepPrice(at: number): void {
    this.words[at] = this.priceLow;
    this.words[at + 1] = this.priceHigh;
    this.words[at + 2] = this.priceScale;
  }

  /** Sign of the trade's price less the one at `at`, exactly. */
  private comparePrice(at: number): number {
    const { words } = this;
    const low = words[at];
    const high = words[at + 1];
    const more = this.priceScale - words[at + 2];
    if (more === 0) return this.priceHigh === high ? this.priceLow - low : this.priceHigh - high;
    const { prices } = this;
    this.widen(0, this.priceLow, this.priceHigh, more < 0 ? POWERS[-more] : 1);
    this.widen(2, low, high, more > 0 ? POWERS[more] : 1);
    return ddCompare(prices[0], prices[1], prices[2], prices[3]);
  }

  private readonly prices = new Float64Array(4);

  private widen(at: number, low: number, high: number, factor: number): void {
    const { prices } = this;
    prices[at] = high * TWO_TO_32;
    prices[at + 1] = 0;
    ddAdd(prices, at, low, 0);
    ddScale(prices, at, factor);
  }

  /** Cold: a candle of its own. */
  private copy(c: number): Candle {
    return {
      words: this.words.slice(c * CANDLE_WORDS, (c + 1) * CANDLE_WORDS),
      sums: this.sums.slice(c * CANDLE_SUMS, (c + 1) * CANDLE_SUMS),
    };
  }

  /** Cold: makes this the newest candle of the first slot and interval. */
  adopt({ words, sums }: Candle): void {
    this.words.set(words, this.newest[0] * CANDLE_WORDS);
    this.sums.set(sums, this.newest[0] * CANDLE_SUMS);
  }

  /** Cold: adds a fetched trade to the candle of interval `i` that it belongs to; false when that is not in memory. */
  addFetched(slot: number, i: number, u32: Uint32Array, record: number): boolean {
    const inside = u32[record + T.trade_time] % this.seconds[i];
    const open = u32[record + T.trade_time] - inside;
    const pair = (slot * this.seconds.length + i) * 2;
    const c = [pair, pair + 1].find((c) => this.words[c * CANDLE_WORDS + A.open_time] === open);
    if (c === undefined) return false;
    if (!this.isAddable(u32, record)) this.words[c * CANDLE_WORDS + A.state] |= CUT_OFF;
    else {
      this.take(u32, record);
      this.add(c, inside * 1e9 + u32[record + T.trade_nanos], 0);
    }
    return true;
  }

  /** Cold: nothing that can be fetched is missing any more; what is over is written again by `rows` as `target`. */
  settle(
    slot: number,
    whole: boolean,
    rows: RowWriter,
    target: number,
    intervals: readonly KlineInterval[],
  ): void {
    for (const [i, interval] of intervals.entries()) {
      const pair = (slot * this.seconds.length + i) * 2;
      for (const c of [pair, pair + 1]) {
        const at = c * CANDLE_WORDS + A.state;
        if (this.words[c * CANDLE_WORDS + A.trades] === 0 || (this.words[at] & STATE.unsynced) === 0)
          continue;
        if (whole && (this.words[at] & STATE.partial) === 0) this.words[at] &= ~STATE.unsynced;
        const isOver = (this.words[at] & STATE.over) !== 0;
        if (isOver && writeCandle(rows, target, interval, this.words, this.sums, c))
          this.words[at] &= ~STATE.changed;
      }
    }
  }

  /** Writes what is over by the wall clock, or has changed since; call it a few times a second. `all`: without grace. */
  tick(all = false): void {
    const now = this.rows.received[0] - (all ? 0 : GRACE_SECS);
    const { words, seconds } = this;
    for (let pair = 0; pair < this.newest.length; pair++) {
      const i = pair % seconds.length;
      const slot = (pair - i) / seconds.length;
      const newest = pair * 2 + this.newest[pair];
      const open = words[newest * CANDLE_WORDS + A.open_time];
      if (open === 0) continue;
      if (now >= open + seconds[i]) words[newest * CANDLE_WORDS + A.state] |= STATE.over;
      this.write(newest ^ 1, slot, i);
      this.write(newest, slot, i);
    }
  }
}
