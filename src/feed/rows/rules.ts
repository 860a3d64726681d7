/**
 * HOT: the rules that rows have to keep, once per row, in shard threads: a few comparisons of words that stand in the
 * record by then. That a number is positive is seen when it is written (`positive`, row_mapping.ts), whether a time can be
 * believed when the row is filed, and ids are the business of sequences; what is left are
 *
 *   MD, BBO                  the best bid is below the best ask
 *   MD, TRADES, AGG_TRADES   the price is not far from the one before it
 *
 * A row that breaks a rule is flagged and counted; if the configuration wants it, it is set aside instead. When more than
 * a share of the newest rows of a symbol break rules, it is the rules or the exchange that are wrong: the breaker of the
 * symbol trips, its name stands in /health, and its rows are stored, flagged, until fewer fail.
 */
import { POWERS_OF_TEN } from '../../base/number.js';
import { SESSION } from '../../counters/declarations.js';
import { flag } from '../../schema/flags.js';
import { scalesByte, type Table } from '../../schema/layout.js';
import { AGG_TRADES, BBO, MD, TRADES } from '../../schema/tables.js';

/** What is wrong with a row that breaks them, for people. */
export const RULES = {
  positive: { bit: 0, flag: 'failed_validation', doc: 'a price or size is not above zero' },
  crossed: { bit: 1, flag: 'failed_validation', doc: 'the best bid is not below the best ask' },
  jump: { bit: 2, flag: 'failed_validation', doc: 'the price is too far from the one before it' },
  clock: { bit: 3, flag: 'suspect_clock', doc: 'the event time is too far from the receive time' },
} as const;

type RuleName = keyof typeof RULES;
const NAMES = Object.keys(RULES) as RuleName[];
/** Reasons of rows that were set aside begin here, among those of refused messages. */
const FIRST_REASON = 32;
/** By the number that stands with the text of a message. */
export const RULE_REASONS: Readonly<Record<number, string>> = Object.fromEntries(
  NAMES.map((name) => [FIRST_REASON + RULES[name].bit, `a row was set aside: ${RULES[name].doc}`]),
);

const [POSITIVE, CROSSED, JUMP, CLOCK] = NAMES.map((name) => 1 << RULES[name].bit);
const COUNTERS = NAMES.map((name) => SESSION[`broken_${name}`]);
const FAILED = flag('failed_validation');
const SUSPECT = flag('suspect_clock');
const FLAGGED = FAILED | SUSPECT;
/** Its texts are elsewhere, and its digits are 0. */
const NO_DIGITS = flag('literal_in_sidecar');
const TWO_TO_32 = 4_294_967_296;

/** Tables whose rows stand alone, so that each may be set aside, by id: which of a symbol's prices theirs is. */
const PRICED: readonly Table[] = [TRADES, AGG_TRADES, MD];
const PLACE = new Uint8Array(256);
/** Words of the columns that are compared, by id of the table; 0: it has none. */
const PRICE = new Uint8Array(256);
const BID = new Uint8Array(256);
const ASK = new Uint8Array(256);
for (const [place, { id, at }] of PRICED.entries()) {
  PLACE[id] = place;
  PRICE[id] = at.trade_price ?? at.price;
}
for (const { id, at } of [MD, BBO]) {
  BID[id] = at.best_bid;
  ASK[id] = at.best_ask;
}

/** How rows are checked, in the form that goes between threads. */
export interface RuleOptions {
  /** what breaks a rule is not stored */
  readonly setsAside: boolean;
  /** in percent of the smaller of two prices; 0: any distance is good */
  readonly jumpPercentMax: number;
  readonly breakerPercent: number;
  readonly breakerRows: number;
}

/** Is called for every row that is set aside. */
export interface RuleEvents {
  /** Cold: the row begins at `record` and will not be stored. */
  setAside(table: Table, slot: number, u32: Uint32Array, record: number): void;
}

export class Rules {
  /** counts the changes of `tripped` */
  revision = 0;
  /** a price that is larger than so many times another one is too far from it */
  private readonly factor: number;
  /** newest price by slot × tables + table */
  private prices = new Float32Array(0);
  /** by slot: rows in this stretch of breakerRows, those of them that broke a rule, and whether the breaker has tripped */
  private rows = new Uint32Array(0);
  private failures = new Uint32Array(0);
  private open = new Uint8Array(0);

  constructor(
    private readonly options: RuleOptions,
    /** a block of SESSION_COUNTERS */
    private readonly counters: Uint32Array,
    private readonly events: RuleEvents,
  ) {
    const { jumpPercentMax } = options;
    this.factor = jumpPercentMax === 0 ? Number.POSITIVE_INFINITY : 1 + jumpPercentMax / 100;
  }

  /** Makes room for `slots` streams. */
  resize(slots: number): void {
    if (slots <= this.rows.length) return;
    const grow = <A extends Float32Array | Uint32Array | Uint8Array>(old: A, made: A): A => {
      made.set(old);
      return made;
    };
    this.prices = grow(this.prices, new Float32Array(slots * PRICED.length).fill(Number.NaN));
    this.rows = grow(this.rows, new Uint32Array(slots));
    this.failures = grow(this.failures, new Uint32Array(slots));
    this.open = grow(this.open, new Uint8Array(slots));
  }

  /** The rules, as bits, that the complete row breaks that begins at `record`; `flags`: what it says of itself so far. */
  check(
    table: Table,
    slot: number,
    u32: Uint32Array,
    f32: Float32Array,
    record: number,
    flags: number,
  ): number {
    const { id } = table;
    const price = PRICE[id];
    const bid = BID[id];
    let broken = (flags & FLAGGED) === 0 ? 0 : rulesOf(flags);
    if (price === 0 && bid === 0) return broken;
    // what is missing is NaN, which is neither above nor below anything
    if (bid !== 0 && f32[record + bid] >= f32[record + ASK[id]] && isCrossed(table, u32, f32, record, flags))
      broken |= CROSSED;
    if (price !== 0 && this.jumps(slot * PRICED.length + PLACE[id], f32[record + price])) broken |= JUMP;
    if (this.rows[slot] >= this.options.breakerRows) this.endStretch(slot);
    this.rows[slot]++;
    return broken;
  }

  private jumps(at: number, price: number): boolean {
    const { factor, prices } = this;
    const before = prices[at];
    if (price > 0) prices[at] = price;
    return price > before * factor || before > price * factor;
  }

  /** Cold: every rule that a row breaks counts; answers whether the row has to be set aside. */
  fail(table: Table, slot: number, u32: Uint32Array, record: number, broken: number): boolean {
    for (const { bit } of Object.values(RULES))
      if ((broken & (1 << bit)) !== 0) this.counters[COUNTERS[bit]]++;
    if (PRICE[table.id] === 0 && BID[table.id] === 0) return false;
    this.failures[slot]++;
    if (this.open[slot] === 0 && this.hasFailed(slot)) this.trip(slot, 1);
    if (!this.options.setsAside || this.open[slot] === 1) return false;
    this.counters[SESSION.set_aside]++;
    this.events.setAside(table, slot, u32, record);
    return true;
  }

  private hasFailed(slot: number): boolean {
    const { breakerPercent, breakerRows } = this.options;
    return this.failures[slot] * 100 > breakerRows * breakerPercent;
  }

  /** Cold, once in breakerRows rows of a symbol. */
  private endStretch(slot: number): void {
    if (this.open[slot] === 1 && !this.hasFailed(slot)) this.trip(slot, 0);
    this.rows[slot] = this.failures[slot] = 0;
  }

  private trip(slot: number, open: number): void {
    this.open[slot] = open;
    this.revision++;
  }

  /** Cold: slots whose breaker has tripped. */
  get tripped(): number[] {
    return [...this.open.keys()].filter((slot) => this.open[slot] === 1);
  }

  /** Cold: the symbol is let go. */
  leave(slot: number): void {
    if (this.open[slot] === 1) this.trip(slot, 0);
    this.rows[slot] = this.failures[slot] = 0;
    this.prices.fill(Number.NaN, slot * PRICED.length, (slot + 1) * PRICED.length);
  }
}

/** Cold: bits of `flags` that say that these rules are broken. */
export function flagsOf(broken: number): number {
  return ((broken & CLOCK) === 0 ? 0 : SUSPECT) | ((broken & ~CLOCK) === 0 ? 0 : FAILED);
}

/** Cold: the rules that are broken according to `flags`. */
function rulesOf(flags: number): number {
  return ((flags & FAILED) === 0 ? 0 : POSITIVE) | ((flags & SUSPECT) === 0 ? 0 : CLOCK);
}

/** Cold: what is written with the text of a message whose row broke these rules: the first of them. */
export function reasonOf(broken: number): number {
  return FIRST_REASON + (31 - Math.clz32(broken & -broken));
}

/** Floats that are equal may stand for different numbers. */
function isCrossed(
  table: Table,
  u32: Uint32Array,
  f32: Float32Array,
  record: number,
  flags: number,
): boolean {
  if (f32[record + BID[table.id]] > f32[record + ASK[table.id]]) return true;
  if ((flags & NO_DIGITS) !== 0) return false;
  return exact(table, 'best_bid', u32, record) >= exact(table, 'best_ask', u32, record);
}

/** The double nearest to a number of the row. */
function exact(table: Table, name: 'best_bid' | 'best_ask', u32: Uint32Array, record: number): number {
  const word = record + table.at[`${name}_digits`];
  const byte = scalesByte(table.exactNumbers.indexOf(name));
  const decimals = (u32[record + table.at.scales] >>> (8 * byte)) & 255;
  return (u32[word] + u32[word + 1] * TWO_TO_32) / POWERS_OF_TEN[decimals];
}
