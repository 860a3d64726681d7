/** Baselines that get the trades of an exchange as objects from whatever parses the text of a message. */
import { Count, connect, task } from './client.js';

/** The part of `{"stream":"btcusdt@trade","data":{…}}` that is read. */
interface BinanceMessage {
  readonly data?: {
    readonly e: string;
    readonly s: string;
    readonly t: number;
    readonly T: number;
    readonly p: string;
    readonly q: string;
    readonly m: boolean;
  };
}

interface CoinbaseMessage {
  readonly type: string;
  readonly product_id: string;
  readonly trade_id: number;
  readonly time: string;
  readonly price: string;
  readonly size: string;
  readonly side: string;
}

/** What a baseline does with a trade. */
export interface Sink {
  store(symbol: string, time: number | string, id: number, price: string, size: string, side: string): void;
  close(): void;
}

/** Takes the task with `parse`, and ends the process. */
export function takeTrades(parse: (text: string) => unknown, sink: Sink): void {
  const count = new Count(() => {
    const ended_ms = performance.now();
    connections.ignore();
    sink.close();
    count.result(ended_ms);
    connections.end();
  });
  const binance = ({ data }: BinanceMessage) => {
    if (data?.e !== 'trade') return;
    sink.store(data.s, data.T, data.t, data.p, data.q, data.m ? 'sell' : 'buy');
    count.trade(Number(data.q));
  };
  const coinbase = (data: CoinbaseMessage) => {
    if (data.type !== 'match') return;
    // the side of a match is the maker's
    const side = data.side === 'buy' ? 'sell' : 'buy';
    sink.store(data.product_id, data.time, data.trade_id, data.price, data.size, side);
    count.trade(Number(data.size));
  };
  const trade = task.exchange === 'binance' ? binance : coinbase;
  const connections = connect((data) => trade(parse(data.toString()) as BinanceMessage & CoinbaseMessage));
}
