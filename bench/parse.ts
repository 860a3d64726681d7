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
  /** of a connection that carries these alone */
  readonly channels?: readonly string[];
  /** a message that has to come first */
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
    name: 'kraken trade',
    exchange: 'kraken',
    symbol: 'BTC/USD',
    message:
      '{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":83744.3,"qty":0.00044780,"ord_type":"limit","trade_id":#,"timestamp":"2026-09-25T17:48:26.844359Z"}]}',
  },
  {
    name: 'kraken ticker',
    exchange: 'kraken',
    symbol: 'BTC/USD',
    message:
      '{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":83744.2,"bid_qty":0.56251979,"ask":83744.3,"ask_qty":0.00044780,"last":83744.3,"volume":3156.84782110,"vwap":84174.6,"low":83163.6,"high":85247.4,"change":-429.3,"change_pct":-0.51,"trades":135262,"timestamp":"2026-09-25T17:48:26.844359Z"}]}',
  },
  {
    name: 'kraken bbo',
    exchange: 'kraken',
    symbol: 'BTC/USD',
    channels: ['bbo'],
    message:
      '{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":83744.2,"bid_qty":0.56251979,"ask":83744.3,"ask_qty":0.00044780,"last":83744.3,"volume":3156.84782110,"vwap":84174.6,"low":83163.6,"high":85247.4,"change":-429.3,"change_pct":-0.51,"trades":135262,"timestamp":"2026-09-25T17:48:26.844359Z"}]}',
  },
  {
    name: 'kraken book change',
    exchange: 'kraken',
    symbol: 'BTC/USD',
    before:
      '{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"price":63004.9,"qty":0.01876947},{"price":63003.6,"qty":0.38876947},{"price":63002.3,"qty":0.75876947},{"price":63001.0,"qty":1.12876947},{"price":62999.7,"qty":1.49876947},{"price":62998.4,"qty":1.86876947},{"price":62997.1,"qty":2.23876947},{"price":62995.8,"qty":2.60876947},{"price":62994.5,"qty":2.97876947},{"price":62993.2,"qty":3.34876947}],"asks":[{"price":63005.0,"qty":0.55006860},{"price":63005.9,"qty":0.76006860},{"price":63006.8,"qty":0.97006860},{"price":63007.7,"qty":1.18006860},{"price":63008.6,"qty":1.39006860},{"price":63009.5,"qty":1.60006860},{"price":63010.4,"qty":1.81006860},{"price":63011.3,"qty":2.02006860},{"price":63012.2,"qty":2.23006860},{"price":63013.1,"qty":2.44006860}],"checksum":1400480496,"timestamp":"2026-08-01T02:53:53.646219Z"}]}',
    message:
      '{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":63003.6,"qty":0.38876947}],"asks":[{"price":63005.0,"qty":0.55006860}],"checksum":1400480496,"timestamp":"2026-08-01T02:53:54.966086Z"}]}',
  },
  {
    name: 'kraken book snapshot',
    exchange: 'kraken',
    symbol: 'BTC/USD',
    message:
      '{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"price":63004.9,"qty":0.01876947},{"price":63003.6,"qty":0.38876947},{"price":63002.3,"qty":0.75876947},{"price":63001.0,"qty":1.12876947},{"price":62999.7,"qty":1.49876947},{"price":62998.4,"qty":1.86876947},{"price":62997.1,"qty":2.23876947},{"price":62995.8,"qty":2.60876947},{"price":62994.5,"qty":2.97876947},{"price":62993.2,"qty":3.34876947}],"asks":[{"price":63005.0,"qty":0.55006860},{"price":63005.9,"qty":0.76006860},{"price":63006.8,"qty":0.97006860},{"price":63007.7,"qty":1.18006860},{"price":63008.6,"qty":1.39006860},{"price":63009.5,"qty":1.60006860},{"price":63010.4,"qty":1.81006860},{"price":63011.3,"qty":2.02006860},{"price":63012.2,"qty":2.23006860},{"price":63013.1,"qty":2.44006860}],"checksum":1400480496,"timestamp":"2026-08-01T02:53:53.646219Z"}]}',
  },
  {
    name: 'kraken ohlc',
    exchange: 'kraken',
    symbol: 'BTC/USD',
    message:
      '{"channel":"ohlc","type":"update","timestamp":"2026-09-25T17:48:26.844359566Z","data":[{"symbol":"BTC/USD","open":83729.5,"high":83745.2,"low":83729.4,"close":83744.3,"trades":33,"volume":0.21155628,"vwap":83736.4,"interval_begin":"2026-09-25T17:48:00.000000000Z","interval":1,"timestamp":"2026-09-25T17:49:00.000000Z"}]}',
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
async function scanner({ exchange, symbol, channels, before, message }: Case): Promise<() => void> {
  const harness = new Harness(await loadExchange(exchange), [symbol], { channels });
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
