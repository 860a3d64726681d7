/**
 * Writes column files by hand for the tests of readers: its own list of columns and widths, plain Buffer writes,
 * nothing of the product. What it does not know of the format, the product may not need.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MD =
  'time:u4 nanos:u4 price:f4 volume:f4 side:u4 best_bid:f4 best_ask:f4 recv_time:u4 recv_nanos:u4 ' +
  'price_digits:u8 best_bid_digits:u8 best_ask_digits:u8 volume_digits:u8 scales:u4 flags:u4 last_size:f4 volume_24h:f4';
const TRADES =
  'trade_id:u8 trade_time:u4 trade_nanos:u4 trade_price:f4 trade_size:f4 trade_side:u4 maker_order_id:id ' +
  'taker_order_id:id recv_time:u4 recv_nanos:u4 price_digits:u8 size_digits:u8 scales:u4 flags:u4';
const GAPS =
  'time:u4 nanos:u4 table:u4 cause:u4 from_id:u8 to_id:u8 from_time:u4 from_nanos:u4 to_time:u4 to_nanos:u4 ' +
  'messages:u8 flags:u4';
const INSTRUMENTS =
  'time:u4 nanos:u4 state:u4 tick_size:f4 lot_size:f4 listed_time:u4 tick_size_digits:u8 lot_size_digits:u8 scales:u4 flags:u4';
const BOOK =
  'time:u4 nanos:u4 recv_time:u4 recv_nanos:u4 seq:u8 side:u4 price:f4 size:f4 price_digits:u8 size_digits:u8 ' +
  'scales:u4 flags:u4 checksum:u4';
const KLINES_1m =
  'open_time:u4 close_time:u4 open:f4 high:f4 low:f4 close:f4 volume:f4 quote_volume:f4 taker_buy_base:f4 ' +
  'taker_buy_quote:f4 trades:u4 recv_time:u4 recv_nanos:u4 open_digits:u8 high_digits:u8 low_digits:u8 close_digits:u8 ' +
  'volume_digits:u8 quote_volume_digits:u8 taker_buy_base_digits:u8 taker_buy_quote_digits:u8 scales:u4 scales_high:u4 flags:u4';
const LAYOUTS: Record<string, string> = { MD, TRADES, GAPS, INSTRUMENTS, BOOK, KLINES_1m };
/** Columns of TRADES that only these exchanges have. */
const OWN: Record<string, string> = {
  'binance-futures': 'trade_kind:u4',
  bybit: 'trade_kind:u4',
  'bybit-linear': 'trade_uuid:id trade_kind:u4',
  okx: 'trade_kind:u4',
};

export type Row = Record<string, number | bigint | string>;

/** 2026-11-21, the day of the test data, as stamp and in seconds. */
export const STAMP = '21.11.26';
export const DAY_START = 1_795_219_200;

function bytesOf(type: string, value: number | bigint | string): Buffer {
  switch (type) {
    case 'u4': {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32LE(Number(value));
      return bytes;
    }
    case 'f4': {
      const bytes = Buffer.alloc(4);
      bytes.writeFloatLE(Number(value));
      return bytes;
    }
    case 'u8': {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64LE(BigInt(value));
      return bytes;
    }
    default: {
      const bytes = Buffer.alloc(16);
      if (typeof value === 'string') bytes.write(value.replaceAll('-', ''), 'hex');
      return bytes;
    }
  }
}

export interface Place {
  readonly exchange?: string;
  /** folder name of the symbol */
  readonly symbol?: string;
  readonly table: string;
  readonly stamp?: string;
  /** columns that get no file */
  readonly without?: readonly string[];
}

/** Writes the rows of one table-day; a value that a row lacks is 0. Returns the table's folder. */
export function writeTableDay(root: string, place: Place, rows: readonly Row[]): string {
  const { exchange = 'coinbase', symbol = 'BTC-USD', table, stamp = STAMP, without = [] } = place;
  const directory = join(root, exchange, symbol, table);
  mkdirSync(directory, { recursive: true });
  const own = table === 'TRADES' && exchange in OWN ? ` ${OWN[exchange]}` : '';
  for (const entry of (LAYOUTS[table]! + own).split(' ')) {
    const [name, type] = entry.split(':') as [string, string];
    if (without.includes(name)) continue;
    const bytes = Buffer.concat(rows.map((row) => bytesOf(type, row[name] ?? 0)));
    writeFileSync(join(directory, `${name}.${stamp}.bin`), bytes);
  }
  return directory;
}

/** A trade that is right in every respect; the digits of price and size are given as texts. */
export function trade(id: number | bigint, price = '131072.01', size = '0.50000000', more: Row = {}): Row {
  const decimals = (text: string) => (text.includes('.') ? text.length - text.indexOf('.') - 1 : 0);
  return {
    trade_id: id,
    trade_time: DAY_START + 3600,
    trade_nanos: 123_456_789,
    trade_price: Number(price),
    trade_size: Number(size),
    trade_side: 1,
    maker_order_id: '00112233-4455-6677-8899-aabbccddeeff',
    taker_order_id: '00000000-0000-0000-0000-000000000000',
    recv_time: DAY_START + 3600,
    recv_nanos: 200_000_000,
    price_digits: BigInt(price.replace('.', '')),
    size_digits: BigInt(size.replace('.', '')),
    scales: decimals(price) | (decimals(size) << 8),
    ...more,
  };
}

/** A temporary data directory that goes away with the test. */
export function dataDirectory(t: { after(run: () => void): void }): string {
  const root = mkdtempSync(join(tmpdir(), 'logger-columns-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  return root;
}
