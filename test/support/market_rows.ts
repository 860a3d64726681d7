/** Rows of the tables of markets as texts that can be compared with what an exchange sent. */
import assert from 'node:assert/strict';
import { type DecodedRow, decimalText } from '../../src/schema/codec.js';
import { flag } from '../../src/schema/flags.js';
import { BBO, MD } from '../../src/schema/tables.js';

/** One row as text. */
export type Line = Readonly<Record<string, string | number | boolean>>;

function nanos(row: DecodedRow, seconds: string, within: string): string {
  return String(BigInt(Number(row.values[seconds])) * 1_000_000_000n + BigInt(Number(row.values[within])));
}

function literals(row: DecodedRow) {
  const { values } = row;
  const scales = [Number(values.scales), Number(values.scales_high ?? 0)];
  const flags = Number(values.flags);
  return (name: string, position: number, missing = 0): string => {
    if ((flags & missing) !== 0) {
      assert.ok(Number.isNaN(values[name]), `${name} is NaN when it is missing`);
      return 'null';
    }
    const scale = (scales[position >> 2] >>> (8 * (position & 3))) & 255;
    const text = decimalText(values[`${name}_digits`.replace('trade_', '')] as bigint, scale);
    assert.equal(values[name], Math.fround(Number(text)), `${name} as f32`);
    return text;
  };
}

/** A row with its numbers as the exchange sent them. `uuids`: ids of trades are UUIDs. */
export function describeRow(row: DecodedRow, symbols: readonly string[], uuids: boolean): Line {
  const { table, values } = row;
  const text = literals(row);
  const has = (name: Parameters<typeof flag>[0]) => (Number(values.flags) & flag(name)) !== 0;
  const base = { table, symbol: symbols[row.stream] };
  if (table === 'TRADES') {
    const uuid = Buffer.from(values.trade_uuid as Uint8Array).toString('hex');
    return {
      ...base,
      id: uuids ? uuid : String(values.trade_id),
      ...(uuids ? { seq: String(values.trade_id) } : {}),
      time: nanos(row, 'trade_time', 'trade_nanos'),
      price: text('trade_price', 0),
      size: text('trade_size', 1),
      side: Number(values.trade_side),
    };
  }
  if (table === 'MD') {
    assert.ok(
      Object.is(values.volume_24h, values.volume) ||
        (Number.isNaN(values.volume) && Number.isNaN(values.volume_24h)),
    );
    return {
      ...base,
      time: nanos(row, 'time', 'nanos'),
      price: text('price', 0),
      bid: text('best_bid', 1, MD.missing.best_bid),
      ask: text('best_ask', 2, MD.missing.best_ask),
      volume: text('volume', 3, MD.missing.volume),
    };
  }
  if (table === 'BBO') {
    return {
      ...base,
      time: nanos(row, 'time', 'nanos'),
      u: String(values.update_id),
      bid: text('best_bid', 0, BBO.missing.best_bid),
      bidSize: text('best_bid_size', 1, BBO.missing.best_bid_size),
      ask: text('best_ask', 2, BBO.missing.best_ask),
      askSize: text('best_ask_size', 3, BBO.missing.best_ask_size),
    };
  }
  if (table === 'BOOK') {
    const side = Number(values.side);
    return {
      ...base,
      time: nanos(row, 'time', 'nanos'),
      u: String(values.seq),
      side,
      price: side === 0 ? 'null' : text('price', 0),
      size: side === 0 ? 'null' : text('size', 1),
      start: has('snapshot_start'),
      snapshot: has('snapshot'),
      end: has('event_end'),
    };
  }
  return {
    ...base,
    open_time: Number(values.open_time),
    close_time: Number(values.close_time),
    open: text('open', 0),
    high: text('high', 1),
    low: text('low', 2),
    close: text('close', 3),
    volume: text('volume', 4),
    quote: text('quote_volume', 5),
    closed: has('closed'),
  };
}
