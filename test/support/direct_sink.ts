/** A sink without a runner, and batches of trades for it: for what no capture shows to a sink. */
import { Batch } from '../../src/delivery/batch.js';
import type { Place } from '../../src/delivery/place.js';
import { RecordView } from '../../src/delivery/record_view.js';
import type { OptionValues, Sink, SinkType } from '../../src/delivery/sink.js';
import { TRADES } from '../../src/schema/tables.js';
import { afterProcesses } from './processes.js';

export interface DirectSink {
  readonly sink: Sink;
  /** numbers of refused rows, with the reasons */
  readonly refused: [number, string][];
  readonly logged: string[];
}

/** Opens a sink named `direct`; what `values` does not say is as declared. */
export async function openDirect<T extends SinkType>(
  type: T,
  values: Partial<OptionValues<T['options']>>,
): Promise<DirectSink> {
  const refused: [number, string][] = [];
  const logged: string[] = [];
  const defaults = Object.entries(type.options).map(([name, option]) => [name, option.default]);
  const sink = await type.open({ ...Object.fromEntries(defaults), ...values } as never, {
    ...{ name: 'direct', dataPath: '', state: undefined },
    log: (_, text) => logged.push(text),
    refuse: ({ row }, reason) => refused.push([row, reason]),
  });
  afterProcesses(() => void sink.close());
  return { sink, refused, logged };
}

export const PLACE: Place = {
  ...{ exchange: 'kraken', native: 'BTC/USD', symbol: 'BTC-USD', directory: 'BTC%2FUSD' },
  ...{ table: TRADES, day: 20_000, exact: true },
};

export interface MadeTrade {
  readonly row: number;
  readonly place?: Place;
  /** of the price, as it does not fit digits */
  readonly text?: string;
  readonly recvSeconds?: number;
}

/** A batch of trades with the cursor `cursor`. */
export function tradeBatch(cursor: string, trades: readonly MadeTrade[]): Batch {
  const batch = new Batch();
  const view = new RecordView();
  const { at } = TRADES;
  for (const { row, place = PLACE, text, recvSeconds = 1_728_000_100 } of trades) {
    const words = new Uint32Array(TRADES.words);
    words[at.trade_id] = 1000 + row;
    words[at.trade_time] = 1_728_000_000;
    words[at.trade_nanos] = 123_456_789;
    words[at.trade_side] = 1;
    words[at.recv_time] = recvSeconds;
    words[at.price_digits] = 6_512_300;
    words[at.size_digits] = 15;
    // 2 and 4 decimals
    words[at.scales] = 0x0402;
    view.show(words, 0, place, row);
    if (text !== undefined)
      view.texts = new Map([[TRADES.columns.findIndex(({ name }) => name === 'trade_price'), text]]);
    batch.add(view);
  }
  batch.cursor = cursor;
  return batch;
}
