/**
 * The simulator's ledger in the terms of a market-data client: trades as texts and the book as numbers, so that what a
 * client that we did not write has understood can be compared with what was sent.
 */
import assert from 'node:assert/strict';
import { levelHash } from '../../src/simulator/market/book.js';
import type { Channel } from '../../src/simulator/market/channels.js';
import { LEDGER_AT, LedgerRecords, ledgerFile } from '../../src/simulator/market/ledger.js';
import { hashText, ORDER_ROLES, orderIdWord } from '../../src/simulator/market/random.js';

/** A trade in plain words; prices and sizes without zeros that say nothing. */
export interface Trade {
  readonly id: string;
  readonly price: string;
  readonly size: string;
  /** of the taker */
  readonly side: 'buy' | 'sell' | '';
  /** since 1970 UTC */
  readonly time_us: number;
}

/** Price and size of every level, best first. */
export interface Book {
  readonly bids: readonly (readonly [number, number])[];
  readonly asks: readonly (readonly [number, number])[];
}

/** `123.4500` → `123.45`: the same number in one spelling. */
export function plainDecimal(text: string): string {
  assert.match(text, /^\d+(\.\d+)?$/);
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function decimal(digits: bigint, scale: number): string {
  const text = digits.toString().padStart(scale + 1, '0');
  return plainDecimal(scale === 0 ? text : `${text.slice(0, -scale)}.${text.slice(-scale)}`);
}

/** Digits of a client's number, which has at most 15 of them and so is exact. */
export function decimalOf(number: number): string {
  const text = String(number);
  const digits = text.includes('e') ? number.toFixed(15) : text;
  return plainDecimal(digits);
}

function u64(records: LedgerRecords, index: number, at: number): bigint {
  return BigInt(records.word(index, at)) | (BigInt(records.word(index, at + 1)) << 32n);
}

function literal(records: LedgerRecords, index: number, place: number): string {
  return decimal(u64(records, index, LEDGER_AT.digits + 2 * place), records.scale(index, place));
}

function idOf(records: LedgerRecords, index: number, symbol: string): string {
  if (!records.has(index, 'uuid')) return String(u64(records, index, LEDGER_AT.id));
  const number = records.word(index, LEDGER_AT.number);
  const words = [0, 1, 2, 3].map((word) => orderIdWord(hashText(symbol), number, ORDER_ROLES.trade, word));
  const hex = words.map((word) => word.toString(16).padStart(8, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

const SIDES = ['', 'buy', 'sell'] as const;

/** A trade of the ledger; a client must have it when it is `owed`: sent while the market ran, not as history. */
export interface SentTrade {
  readonly trade: Trade;
  readonly owed: boolean;
}

/** Every trade, in the order it was sent. */
export function tradesOf(ledger: string, exchange: string, symbol: string, channel: Channel): SentTrade[] {
  const records = new LedgerRecords(ledgerFile(ledger, exchange, symbol, channel), channel);
  return Array.from({ length: records.count }, (_, i) => ({
    trade: {
      id: idOf(records, i, symbol),
      price: literal(records, i, 0),
      size: literal(records, i, 1),
      side: SIDES[records.side(i) as 0 | 1 | 2],
      time_us: records.word(i, LEDGER_AT.time) * 1e6 + Math.floor(records.word(i, LEDGER_AT.time + 1) / 1000),
    },
    owed: !records.has(i, 'history') && records.word(i, LEDGER_AT.delivered) > 0,
  }));
}

/** Word of the ledger whose upper half says how many levels a client keeps per side. */
const WINDOW_WORD = LEDGER_AT.digits + 5;

/** The book after its last event; the ledger's own hash of that book says that it was read rightly. */
export function bookOf(ledger: string, exchange: string, symbol: string): Book {
  const records = new LedgerRecords(ledgerFile(ledger, exchange, symbol, 'book'), 'book');
  const sides = [new Map<string, readonly [number, number, number]>(), new Map()];
  const best = (side: 0 | 1) => [...sides[side]].sort(([, [a]], [, [b]]) => (side === 0 ? b - a : a - b));
  let window = 0;
  let hash_in_ledger = 0;
  for (let i = 0; i < records.count; i++) {
    if (records.has(i, 'snapshot_start')) {
      for (const side of sides) side.clear();
      window = records.word(i, WINDOW_WORD);
    }
    const side = (records.side(i) - 1) as 0 | 1;
    const [price, size] = [literal(records, i, 0), literal(records, i, 1)];
    const hash = levelHash(
      side,
      records.digits(i, 0),
      records.scale(i, 0),
      records.digits(i, 1),
      records.scale(i, 1),
    );
    if (size === '0') sides[side]?.delete(price);
    else sides[side]?.set(price, [Number(price), Number(size), hash]);
    if (!records.has(i, 'event_end')) continue;
    if (window > 0) {
      for (const each of [0, 1] as const)
        for (const [key] of best(each).slice(window)) sides[each].delete(key);
    }
    hash_in_ledger = records.word(i, LEDGER_AT.book_hash);
  }
  const levels = ([0, 1] as const).map((side) => best(side).map(([, level]) => level));
  const hash = levels.flat().reduce((sum, [, , part]) => (sum + part) | 0, 0);
  assert.equal(hash >>> 0, hash_in_ledger, `ledger of ${exchange} ${symbol}: the book was read wrongly`);
  const [bids, asks] = levels.map((side) => side.map(([price, size]) => [price, size] as const));
  return { bids, asks };
}
