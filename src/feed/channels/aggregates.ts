/**
 * HOT: which trades an aggregate adds up, for exchanges that send the id of the last of them and their number. Shard
 * threads.
 */
import { AGG_TRADES } from '../../schema/tables.js';
import type { RowWriter } from '../rows/row_writer.js';

const { trade_id, first_trade_id, last_trade_id } = AGG_TRADES.at;
const TWO_TO_32 = 4294967296;

/** Ids of the first and the last of `count` trades, the last of which is the row's; false without such. */
export function aggregateRange(rows: RowWriter, count: number): boolean {
  const last = rows.u32[rows.record + trade_id];
  const high = rows.u32[rows.record + trade_id + 1];
  const first = last - (count - 1);
  const borrow = first < 0 ? Math.ceil(-first / TWO_TO_32) : 0;
  if (borrow > high) return false;
  rows.set(first_trade_id, first + borrow * TWO_TO_32);
  rows.set(first_trade_id + 1, high - borrow);
  rows.set(last_trade_id, last);
  rows.set(last_trade_id + 1, high);
  return true;
}
