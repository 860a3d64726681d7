/**
 * What a message costs from bytes to rows in the ring, beside JSON.parse of the same bytes: every kind of message of
 * every exchange. `npm run bench` prints nanoseconds per message and the growth of the heap.
 */
import { Bench } from 'tinybench';
import { loadExchange } from '../src/exchanges/index.js';
import { RESULT } from '../src/feed/exchange.js';
import { Harness } from '../test/support/harness.js';

interface Case {
  readonly name: string;
  readonly exchange: string;
  readonly symbol: string;
  /** what has to come first, e.g. the snapshot that a change belongs to */
  readonly before?: string;
  /** `#` stands for a trade id that grows */
  readonly message: string;
}

const CASES: readonly Case[] = [
  {
    name: 'binance trade',
    exchange: 'binance',
    symbol: 'BTCUSDT',
    message:
      '{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":#,"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}',
  },
  {
    name: 'binance bookTicker',
    exchange: 'binance',
    symbol: 'BTCUSDT',
    message:
      '{"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}}',
  },
  {
    name: 'binance 24hrTicker',
    exchange: 'binance',
    symbol: 'BNBBTC',
    message:
      '{"stream":"bnbbtc@ticker","data":{"e":"24hrTicker","E":1672515782136,"s":"BNBBTC","p":"0.00150000","P":"250.000","w":"0.00180000","x":"0.00090000","c":"0.00250000","Q":"10.00000000","b":"0.00240000","B":"10.00000000","a":"0.00260000","A":"100.00000000","o":"0.00100000","h":"0.00250000","l":"0.00100000","v":"10000.00000000","q":"18.00000000","O":1672515782136,"C":1672515782136,"F":0,"L":18150,"n":18151}}',
  },
  {
    name: 'coinbase match',
    exchange: 'coinbase',
    symbol: 'BTC-USD',
    message:
      '{"type":"match","trade_id":#,"maker_order_id":"f07e510f-4edf-469d-b844-4f670f1e93f1","taker_order_id":"e6f50944-3e2a-439e-ae49-308300ba8296","side":"sell","size":"0.00000001","price":"80691.53","product_id":"BTC-USD","sequence":134905860111,"time":"2026-08-25T03:35:57.198335Z"}',
  },
  {
    name: 'coinbase ticker',
    exchange: 'coinbase',
    symbol: 'BTC-USD',
    message:
      '{"type":"ticker","sequence":135437581854,"product_id":"BTC-USD","price":"77572.87","open_24h":"78609.92","volume_24h":"7336.73471395","low_24h":"76366.12","high_24h":"78635.01","volume_30d":"209162.21626191","best_bid":"77572.87","best_bid_size":"0.00009686","best_ask":"77575.85","best_ask_size":"0.04350000","side":"sell","time":"2026-09-02T07:44:10.104422Z","trade_id":1087540758,"last_size":"0.00000009"}',
  },
  {
    name: 'coinbase l2update',
    exchange: 'coinbase',
    symbol: 'BTC-USD',
    before:
      '{"type":"snapshot","product_id":"BTC-USD","asks":[["80691.53","0.20084671"]],"bids":[["80688.08","0.59153273"]]}',
    message:
      '{"type":"l2update","product_id":"BTC-USD","changes":[["buy","80688.08","0.59153273"],["sell","80745.16","0.20558981"]],"time":"2026-08-25T03:35:57.300000Z"}',
  },
  {
    name: 'advanced trade',
    exchange: 'coinbase-advanced',
    symbol: 'BTC-USD',
    message:
      '{"channel":"market_trades","timestamp":"2026-09-27T16:42:07.238434983Z","events":[{"type":"update","trades":[{"product_id":"BTC-USD","trade_id":"#","price":"84451.05","size":"0.0215708","time":"2026-09-27T16:42:07.184962Z","side":"BUY"}]}]}',
  },
  {
    name: 'advanced ticker',
    exchange: 'coinbase-advanced',
    symbol: 'BTC-USD',
    message:
      '{"channel":"ticker","timestamp":"2026-06-14T05:35:45.435813533Z","events":[{"type":"update","tickers":[{"type":"ticker","product_id":"BTC-USD","price":"64281.7","volume_24_h":"3974.98800786","low_24_h":"63454","high_24_h":"64727.27","low_52_w":"59073.01","high_52_w":"126296","price_percent_chg_24_h":"1.21471769193719","best_bid":"64281.7","best_ask":"64281.71","best_bid_quantity":"0.21558849","best_ask_quantity":"0.02287045"}]}]}',
  },
  {
    name: 'advanced l2_data',
    exchange: 'coinbase-advanced',
    symbol: 'BTC-USD',
    before:
      '{"channel":"l2_data","timestamp":"2026-08-09T21:05:48.505350477Z","events":[{"type":"snapshot","product_id":"BTC-USD","updates":[{"side":"bid","event_time":"2026-08-09T21:05:48.210883Z","price_level":"65062.5","new_quantity":"0.00583"}]}]}',
    message:
      '{"channel":"l2_data","timestamp":"2026-08-09T21:05:48.505350477Z","events":[{"type":"update","product_id":"BTC-USD","updates":[{"side":"bid","event_time":"2026-08-09T21:05:48.210883Z","price_level":"65062.5","new_quantity":"0.00583"},{"side":"bid","event_time":"2026-08-09T21:05:48.210883Z","price_level":"65061.91","new_quantity":"0"},{"side":"offer","event_time":"2026-08-09T21:05:48.210883Z","price_level":"65084.12","new_quantity":"0.0614901"}]}]}',
  },
  {
    name: 'advanced candle',
    exchange: 'coinbase-advanced',
    symbol: 'ETH-USD',
    message:
      '{"channel":"candles","timestamp":"2026-08-09T21:05:51.491081826Z","events":[{"type":"update","candles":[{"start":"1786309500","high":"1919.6","low":"1919.27","open":"1919.58","close":"1919.41","volume":"36.36630914","product_id":"ETH-USD"}]}]}',
  },
];

const FIRST_ID = '1000000000';
const RELEASE_EVERY = 256;
/** Messages of the run that the growth of the heap is taken from. */
const HEAP_MESSAGES = 1_000_000;

/** Adds one to the ten digits at `at`, as the next trade has them. */
function countUp(bytes: Uint8Array, at: number): void {
  for (let i = at + FIRST_ID.length - 1; i >= at; i--) {
    if (bytes[i] < 0x39) {
      bytes[i]++;
      return;
    }
    bytes[i] = 0x30;
  }
}

/** Feeds one message a call, always a new one, and drains the ring now and then. */
async function scanner({ exchange, symbol, before, message }: Case): Promise<() => void> {
  const harness = new Harness(await loadExchange(exchange), [symbol]);
  if (before !== undefined) harness.feed(before);
  const bytes = Uint8Array.from(Buffer.from(message.replace('#', FIRST_ID)));
  const id = message.indexOf('#');
  let fed = 0;
  return () => {
    if (id >= 0) countUp(bytes, id);
    const result = harness.intake.message(bytes, 0, bytes.length);
    if (result !== RESULT.rows) throw new Error(`${message} gave result ${result}`);
    if (++fed % RELEASE_EVERY === 0) harness.release();
  };
}

console.log(`Node ${process.version}\n`);
console.log('message               bytes   scan ns   JSON.parse ns   ratio   heap bytes per message');
for (const test of CASES) {
  const scan = await scanner(test);
  const text = test.message.replace('#', FIRST_ID);
  const bytes = Buffer.from(text);
  const bench = new Bench({ time: 1000, warmupTime: 500 });
  bench.add('scan', scan).add('parse', () => JSON.parse(bytes.toString('latin1')));
  await bench.run();
  const median = (name: string) => {
    const { result } = bench.getTask(name) as NonNullable<ReturnType<Bench['getTask']>>;
    if (!('latency' in result)) throw new Error(`${name} did not run`);
    return result.latency.p50 * 1e6;
  };
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < HEAP_MESSAGES; i++) scan();
  const growth = (process.memoryUsage().heapUsed - before) / HEAP_MESSAGES;
  const [own, parse] = [median('scan'), median('parse')];
  console.log(
    `${test.name.padEnd(20)}${String(bytes.length).padStart(7)}${own.toFixed(0).padStart(10)}${parse.toFixed(0).padStart(16)}${(own / parse).toFixed(2).padStart(8)}${growth.toFixed(2).padStart(14)}`,
  );
}
