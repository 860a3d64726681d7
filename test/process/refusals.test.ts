/**
 * Subscriptions that an exchange refuses, in its words: everything that it would accept is captured within a minute, and
 * what it does not is named in /health and captured when that changes.
 */
import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { encodeName } from '../../src/base/names.js';
import { columnFile } from '../../src/store/disk/paths.js';
import {
  type LoggerProcess,
  type SimulatorProcess,
  startLoggerProcess,
  startSimulatorProcess,
  temporaryFolder,
  until,
} from '../support/processes.js';

const TODAY = Math.floor(Date.now() / 86_400_000);

interface Case {
  readonly exchange: string;
  readonly symbols: readonly string[];
  readonly channels: readonly string[];
  readonly faults: readonly Readonly<Record<string, unknown>>[];
  /** symbols and channels that are refused */
  readonly refused: readonly string[];
  readonly words: RegExp;
}

const USD = ['BTC-USD', 'ETH-USD', 'SOL-USD', 'XRP-USD', 'DOGE-USD', 'ADA-USD'];
const CASES: Readonly<Record<string, Case>> = {
  'two of Coinbase by name': {
    exchange: 'coinbase',
    symbols: USD,
    channels: ['ticker', 'trades'],
    faults: [
      { kind: 'deny', symbol: 'ETH-USD' },
      { kind: 'deny', symbol: 'XRP-USD' },
    ],
    refused: ['ETH-USD', 'XRP-USD'],
    words: /ETH-USD is not a valid product/,
  },
  'one of Coinbase without a name': {
    exchange: 'coinbase',
    symbols: USD,
    channels: ['trades'],
    faults: [{ kind: 'deny', symbol: 'SOL-USD', words: 'anonymous' }],
    refused: ['SOL-USD'],
    words: /Failed to subscribe/,
  },
  'books of Coinbase, which want a login': {
    exchange: 'coinbase',
    symbols: USD,
    channels: ['trades', 'book'],
    faults: [{ kind: 'deny', channel: 'book', words: 'login' }],
    refused: [],
    words: /6 subscriptions are refused: .*require authentication/,
  },
  'one of Coinbase Advanced without a name': {
    exchange: 'coinbase-advanced',
    symbols: USD,
    channels: ['ticker', 'trades'],
    faults: [{ kind: 'deny', symbol: 'ADA-USD' }],
    refused: ['ADA-USD'],
    words: /failed to subscribe/,
  },
  'a whole request of Binance': {
    exchange: 'binance',
    symbols: ['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'XRPUSDT', 'DOGEUSDT'],
    channels: ['ticker', 'trades'],
    faults: [{ kind: 'deny', symbol: 'XRPUSDT' }],
    refused: ['XRPUSDT'],
    words: /Invalid request: invalid stream/,
  },
  'whole requests of Bybit, one topic at a time': {
    exchange: 'bybit-linear',
    symbols: ['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'XRPUSDT', 'DOGEUSDT'],
    channels: ['ticker', 'trades'],
    faults: [
      { kind: 'deny', symbol: 'XRPUSDT' },
      { kind: 'deny', symbol: 'ETHUSDT' },
    ],
    refused: ['XRPUSDT', 'ETHUSDT'],
    words: /error:handler not found,topic:tickers\.XRPUSDT/,
  },
  'an argument of OKX without a name, behind too many requests': {
    exchange: 'okx',
    symbols: ['BTC-USDT', 'ETH-USDT', 'SOL-USDT', 'XRP-USDT'],
    channels: ['ticker'],
    faults: [
      { kind: 'deny', symbol: 'SOL-USDT', words: 'login' },
      { kind: 'throttle', count: 2 },
    ],
    refused: ['SOL-USDT'],
    words: /Please log in \(60011\)/,
  },
  'a symbol of Kraken, behind too many requests': {
    exchange: 'kraken',
    symbols: ['BTC/USD', 'ETH/USD', 'SOL/USD'],
    channels: ['ticker', 'trades'],
    faults: [
      { kind: 'deny', symbol: 'ETH/USD' },
      { kind: 'throttle', count: 2 },
    ],
    refused: ['ETH/USD'],
    words: /Currency pair not supported ETH\/USD/,
  },
  'a type of Upbit, which ends the connection': {
    exchange: 'upbit',
    symbols: ['KRW-BTC', 'KRW-ETH', 'KRW-SOL'],
    channels: ['trades', 'book'],
    faults: [{ kind: 'deny', channel: 'book', words: 'login' }],
    refused: [],
    words: /3 subscriptions are refused: .*INVALID_PARAM: orderbook 은/,
  },
  'the only request of Upbit, for one of its codes': {
    exchange: 'upbit',
    symbols: ['KRW-BTC', 'KRW-ETH', 'KRW-SOL', 'KRW-XRP', 'KRW-DOGE'],
    channels: ['ticker', 'trades'],
    faults: [{ kind: 'deny', symbol: 'KRW-SOL', words: 'anonymous' }],
    refused: ['KRW-SOL'],
    words: /WRONG_FORMAT/,
  },
};

interface Rig {
  readonly simulator: SimulatorProcess;
  readonly logger: LoggerProcess;
  /** trades or tickers of a symbol that are on disk */
  rows(symbol: string, table: 'TRADES' | 'MD' | 'BOOK'): number;
  says(words: RegExp): Promise<boolean>;
}

async function start(
  { exchange, symbols, channels, faults }: Pick<Case, 'exchange' | 'symbols' | 'channels' | 'faults'>,
  options: {
    readonly perConnection?: number;
    readonly lines?: readonly string[];
    readonly flags?: readonly string[];
  } = {},
): Promise<Rig> {
  const folder = temporaryFolder('refusals');
  const flags = ['--symbols', '80', '--rate', '400', '--mix', '2:1:0:0:2', ...(options.flags ?? [])];
  const simulator = await startSimulatorProcess(join(folder, 'account'), flags, exchange);
  for (const fault of faults) await simulator.fault(fault);
  const logger = startLoggerProcess(
    {
      folder,
      symbolsPerConnection: options.perConnection ?? 20,
      exchangeLines: {
        [exchange]: [
          `symbols = ${JSON.stringify(symbols)}`,
          `channels = ${JSON.stringify(channels)}`,
          ...(options.lines ?? []),
        ],
      },
    },
    simulator,
  );
  const columns = { TRADES: 'trade_time', MD: 'time', BOOK: 'time' };
  return {
    simulator,
    logger,
    rows: (symbol, table) => {
      const file = columnFile(columns[table], TODAY);
      const path = join(folder, 'data', exchange, encodeName(symbol), table, file);
      return existsSync(path) ? statSync(path).size / 4 : 0;
    },
    says: async (words) => (await logger.health()).reasons.some((reason) => words.test(reason)),
  };
}

for (const [name, one] of Object.entries(CASES)) {
  test(`${name}: all others are captured, and it is named`, async () => {
    const { logger, rows, says } = await start(one);
    const table = one.channels.includes('trades') ? 'TRADES' : 'MD';
    const others = one.symbols.filter((symbol) => !one.refused.includes(symbol));
    await until('everything else has rows', () => others.every((symbol) => rows(symbol, table) > 0));
    await until('it is named with the words of the exchange', () => says(one.words));
    for (const symbol of one.refused) assert.equal(rows(symbol, table), 0, symbol);
    assert.equal((await logger.health()).status, 'degraded');
    assert.equal(await logger.stop(), 0, logger.stderr());
  });
}

test('a refusal that is over: the symbol is captured without a restart', async () => {
  const { simulator, logger, rows, says } = await start(CASES['a whole request of Binance']);
  await until('it is named', () => says(/invalid stream/));
  await simulator.fault({ kind: 'allow', symbol: 'XRPUSDT' });
  await until('it is captured', () => rows('XRPUSDT', 'TRADES') > 0);
  await until('nothing is wrong any more', async () => (await logger.health()).status === 'healthy');
  assert.equal(await logger.stop(), 0, logger.stderr());
});

test('more books than a session of Coinbase Advanced takes are spread over more connections', async () => {
  const names = ['BTC', 'ETH', 'SOL', 'XRP', 'DOGE', 'ADA', 'AVAX', 'LINK', 'LTC', 'BCH', 'DOT', 'UNI'];
  const symbols = names.map((name) => `${name}-USD`);
  const faults = [{ kind: 'limit-streams', channel: 'book', count: 5 }];
  const { logger, rows } = await start({
    ...{ exchange: 'coinbase-advanced', symbols, faults },
    channels: ['trades', 'book'],
  });
  await until('every book is captured', () => symbols.every((symbol) => rows(symbol, 'BOOK') > 0));
  await until('nothing is wrong any more', async () => (await logger.health()).status === 'healthy');
  const { connections } = (await logger.health()).exchanges['coinbase-advanced'];
  assert.ok(connections.length >= 3 && connections.length <= 6, `${connections.length} connections`);
  assert.equal(await logger.stop(), 0, logger.stderr());
});

test('more connections of a channel than OKX takes: its symbols go to those that it takes', async () => {
  const symbols = ['BTC-USDT', 'ETH-USDT', 'SOL-USDT', 'XRP-USDT', 'DOGE-USDT', 'ADA-USDT'];
  const faults = [{ kind: 'limit-connections', channel: 'ticker', count: 2 }];
  const { rows } = await start(
    { exchange: 'okx', symbols, channels: ['ticker'], faults },
    { perConnection: 2 },
  );
  await until('every symbol is captured', () => symbols.every((symbol) => rows(symbol, 'MD') > 0));
});
