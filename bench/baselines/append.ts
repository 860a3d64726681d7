/** Trades as lines of text in one file per symbol, collected until there is enough for a write. */
import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { Count, connect, task } from './client.js';

const BUFFER_CHARS = 64 * 1024;

class SymbolFile {
  private readonly stream: WriteStream;
  private text = '';

  constructor(symbol: string) {
    this.stream = createWriteStream(join(task.folder, `${symbol}.csv`), { flags: 'a' });
  }

  append(line: string): void {
    this.text += line;
    if (this.text.length >= BUFFER_CHARS) {
      this.stream.write(this.text);
      this.text = '';
    }
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.stream.end(this.text, resolve));
  }
}

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

/** Takes the task with `parse`, and ends the process. */
export function appendTrades(parse: (text: string) => unknown): void {
  const files = new Map(task.symbols.map((symbol) => [symbol, new SymbolFile(symbol)]));
  const count = new Count(async () => {
    const ended_ms = performance.now();
    socket.removeAllListeners('message');
    await Promise.all([...files.values()].map((file) => file.close()));
    count.result(ended_ms);
    socket.terminate();
  });
  const binance = ({ data }: BinanceMessage) => {
    if (data?.e !== 'trade') return;
    const side = data.m ? 'sell' : 'buy';
    files.get(data.s)?.append(`${Date.now()},${data.T},${data.t},${data.p},${data.q},${side}\n`);
    count.trade(Number(data.q));
  };
  const coinbase = (data: CoinbaseMessage) => {
    if (data.type !== 'match') return;
    const { trade_id, time, price, size, side } = data;
    files.get(data.product_id)?.append(`${Date.now()},${time},${trade_id},${price},${size},${side}\n`);
    count.trade(Number(size));
  };
  const trade = task.exchange === 'binance' ? binance : coinbase;
  const socket = connect((data) => trade(parse(data.toString()) as BinanceMessage & CoinbaseMessage));
}
