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
  /** `#` stands for a trade id that grows */
  readonly message: string;
  /** what has to come first, e.g. the snapshot that a change belongs to */
  readonly before?: string;
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
    name: 'bybit trade',
    exchange: 'bybit',
    symbol: 'BTCUSDT',
    message:
      '{"topic":"publicTrade.BTCUSDT","ts":1788335009483,"type":"snapshot","data":[{"i":"229000000#","T":1788335009482,"p":"77606.8","v":"0.000712","S":"Buy","seq":113508069853,"s":"BTCUSDT","BT":false,"RPI":false}]}',
  },
  {
    name: 'bybit ticker',
    exchange: 'bybit',
    symbol: 'BTCUSDT',
    message:
      '{"topic":"tickers.BTCUSDT","ts":1786538729776,"type":"snapshot","cs":112571857121,"data":{"symbol":"BTCUSDT","lastPrice":"64057.7","highPrice24h":"64500","lowPrice24h":"63232.1","prevPrice24h":"64326.9","volume24h":"7217.990977","turnover24h":"460629823.77866687","price24hPcnt":"-0.0042","usdIndexPrice":"63989.741059"}}',
  },
  {
    name: 'bybit quotes',
    exchange: 'bybit',
    symbol: 'BTCUSDT',
    message:
      '{"topic":"orderbook.1.BTCUSDT","ts":1786613159749,"type":"snapshot","data":{"s":"BTCUSDT","b":[["63705.3","2.045546"]],"a":[["63705.4","2.334566"]],"u":72212457,"seq":112603120278},"cts":1786613159748}',
  },
  {
    name: 'bybit book',
    exchange: 'bybit',
    symbol: 'BTCUSDT',
    before:
      '{"topic":"orderbook.50.BTCUSDT","ts":1786310816516,"type":"snapshot","data":{"s":"BTCUSDT","b":[["65140.4","0.885797"]],"a":[],"u":1000000000,"seq":112488545864},"cts":1786310816500}',
    message:
      '{"topic":"orderbook.50.BTCUSDT","ts":1786310816618,"type":"delta","data":{"s":"BTCUSDT","b":[["65140.4","0.875077"]],"a":[["65154.6","0.09948"],["65154.7","0.123013"],["65239","0.155135"],["65239.1","0"]],"u":#,"seq":112488545865},"cts":1786310816585}',
  },
  {
    name: 'bybit candle',
    exchange: 'bybit',
    symbol: 'BTCUSDT',
    message:
      '{"type":"snapshot","topic":"kline.1.BTCUSDT","data":[{"start":1786538700000,"end":1786538759999,"interval":"1","open":"64104.5","close":"64096.4","high":"64104.5","low":"64096.4","volume":"1.01673","turnover":"65173.1079222","confirm":false,"timestamp":1786538714563}],"ts":1786538714563}',
  },
  {
    name: 'bybit linear trade',
    exchange: 'bybit-linear',
    symbol: 'BTCUSDT',
    message:
      '{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1786540363844,"data":[{"T":1786540363843,"s":"BTCUSDT","S":"Buy","v":"0.015","p":"63976.10","L":"ZeroPlusTick","i":"e799c7b7-1ccc-53d9-b84a-fb#","BT":false,"RPI":false,"seq":760579112851}]}',
  },
  {
    name: 'bybit linear ticker',
    exchange: 'bybit-linear',
    symbol: 'BTCUSDT',
    before:
      '{"topic":"tickers.BTCUSDT","type":"snapshot","data":{"symbol":"BTCUSDT","lastPrice":"65114.30","volume24h":"17573.9120","bid1Price":"65114.20","bid1Size":"5.954","ask1Price":"65114.30","ask1Size":"10.470"},"cs":753843907769,"ts":1786310817583}',
    message:
      '{"topic":"tickers.BTCUSDT","type":"delta","data":{"symbol":"BTCUSDT","bid1Price":"65114.20","bid1Size":"6.054","ask1Price":"65114.30","ask1Size":"10.486"},"cs":753843907770,"ts":1786310817883}',
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
async function scanner({ exchange, symbol, message, before }: Case): Promise<() => void> {
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
console.log('message                 bytes   scan ns   JSON.parse ns   ratio   heap bytes per message');
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
    `${test.name.padEnd(22)}${String(bytes.length).padStart(7)}${own.toFixed(0).padStart(10)}${parse.toFixed(0).padStart(16)}${(own / parse).toFixed(2).padStart(8)}${growth.toFixed(2).padStart(14)}`,
  );
}
