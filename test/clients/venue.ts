/**
 * A simulated exchange as a process with a foreign client on it: the client takes what it takes until it has seen
 * enough of everything, the market ends, and then it must hold exactly what the ledger says.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Channel } from '../../src/simulator/market/channels.js';
import { PROTOCOLS } from '../../src/simulator/venues/index.js';
import { EXCHANGES } from '../support/fixtures.js';
import { startSimulatorProcess, temporaryFolder, until } from '../support/processes.js';
import { type Book, bookOf, type SentTrade, type Trade, tradesOf } from './ledger.js';

/** What a client has of a symbol, at any moment. */
export interface Seen {
  readonly trades: readonly Trade[];
  /** undefined until it has one */
  readonly book: Book | undefined;
  /** changes of the book that it has applied */
  readonly changes: number;
}

export interface Client {
  /** by native name of the symbol */
  seen(symbol: string): Seen;
  /** what went wrong in it */
  readonly errors: readonly unknown[];
  close(): Promise<void>;
}

/** What a client takes of an exchange. */
export interface Taking {
  /** channel of the ledger that its trades are of; none when it has none */
  readonly trades?: Channel;
  readonly book?: boolean;
  /** microseconds that the client's times are cut to */
  readonly time_unit_us: number;
  /** what the client makes of a trade that it reads otherwise than the exchange means it */
  readonly misread?: (trade: Trade) => Trade;
  /** the client subscribes in several steps, and the exchange sends the newest trade again at each */
  readonly resent?: boolean;
}

const ENOUGH_TRADES = 150;
const ENOUGH_CHANGES = 30;
/** Symbols that are simulated, and those of them that a client takes. */
const SYMBOLS = 3;
const SYMBOLS_TAKEN = 2;
const FLAGS = ['--symbols', String(SYMBOLS), '--rate', '300', '--mix', '4:1:1:4:4:0'];

const byId = (a: Trade, b: Trade) => (BigInt(a.id) < BigInt(b.id) ? -1 : 1);

/** Shows the first difference only. */
function assertSame<T>(actual: readonly T[], expected: readonly T[]): void {
  const same = (_: T, i: number) => isDeepStrictEqual(actual[i], expected[i]);
  const longer = actual.length > expected.length ? actual : expected;
  const at = longer.findIndex((item, i) => !same(item, i));
  if (at < 0) return;
  const message = `${actual.length} of ${expected.length}; the first difference is at ${at}`;
  assert.deepEqual([message, ...actual.slice(at, at + 2)], [message, ...expected.slice(at, at + 2)]);
}

/** Every trade once, none of them invented, those of the running market complete and in order. */
function checkTrades(
  seen: readonly Trade[],
  taking: Taking,
  sent: readonly SentTrade[],
  newest_first: boolean,
): void {
  const expected = (trade: Trade): Trade => {
    const time_us = trade.time_us - (trade.time_us % taking.time_unit_us);
    return (taking.misread ?? ((same) => same))({ ...trade, time_us });
  };
  // what was sent before the client asked, or between two of its subscriptions
  const optional = new Map(
    sent.filter(({ owed }) => !owed).map(({ trade }) => [expected(trade).id, expected(trade)]),
  );
  for (const trade of seen) if (optional.has(trade.id)) assert.deepEqual(trade, optional.get(trade.id));
  const once = new Map(seen.map((trade) => [trade.id, trade]));
  const taken = (taking.resent === true ? [...once.values()] : seen).filter(({ id }) => !optional.has(id));
  const owed = sent.filter((each) => each.owed).map(({ trade }) => expected(trade));
  if (newest_first) assertSame(taken.toSorted(byId), owed.toSorted(byId));
  else assertSame(taken, owed);
}

export interface Endpoint {
  readonly ws: string;
  readonly rest: string;
}

/** The first symbols that the simulated exchange lists. */
function symbolsOf(exchange: string): string[] {
  const trading = PROTOCOLS[exchange].listings(SYMBOLS).filter(({ closed }) => closed !== true);
  return trading.slice(0, SYMBOLS_TAKEN).map(({ name }) => name);
}

/** The tests of a client, one for each exchange; of those that it cannot read there is the reason. */
export function clientTests<T extends Taking>(
  client: string,
  takings: Readonly<Record<string, T | string>>,
  connect: (taking: T, endpoint: Endpoint, symbols: readonly string[]) => Promise<Client>,
): void {
  test(`what ${client} takes of each exchange, or why it takes nothing, is written down`, () => {
    assert.deepEqual(
      Object.keys(takings).sort(),
      EXCHANGES.map(({ id }) => id),
    );
  });
  for (const [exchange, taking] of Object.entries(takings))
    if (typeof taking !== 'string')
      clientTest(`${client} on ${exchange}`, exchange, taking, (endpoint, symbols) =>
        connect(taking, endpoint, symbols),
      );
}

function clientTest(
  name: string,
  exchange: string,
  taking: Taking,
  connect: (endpoint: Endpoint, symbols: readonly string[]) => Promise<Client>,
): void {
  const symbols = symbolsOf(exchange);
  test(name, async () => {
    const ledger = temporaryFolder('client');
    const simulator = await startSimulatorProcess(ledger, FLAGS, exchange);
    const client = await connect(simulator.exchanges[exchange], symbols);
    // a client may keep the trades of a frame as they stand in it
    const newest_first = PROTOCOLS[exchange].newest_first === true;
    const everywhere = (condition: (seen: Seen, symbol: string) => boolean) => {
      if (client.errors.length > 0) throw client.errors[0];
      return symbols.every((symbol) => condition(client.seen(symbol), symbol));
    };
    const wait = async (what: string, condition: (seen: Seen, symbol: string) => boolean) => {
      let failure: unknown;
      await until(what, () => {
        try {
          return everywhere(condition);
        } catch (error) {
          failure = error;
          return true;
        }
      });
      if (failure !== undefined) throw failure;
    };
    try {
      await wait(
        'the client has enough',
        ({ trades, changes }) =>
          (taking.trades === undefined || trades.length >= ENOUGH_TRADES) &&
          (taking.book !== true || changes >= ENOUGH_CHANGES),
      );
      await simulator.finish();
      await simulator.summary();
      const sent = new Map(
        symbols.map((symbol) => [
          symbol,
          {
            trades: taking.trades === undefined ? [] : tradesOf(ledger, exchange, symbol, taking.trades),
            book: taking.book === true ? bookOf(ledger, exchange, symbol) : undefined,
          },
        ]),
      );
      // what is on its way when the market ends; differences are told below
      await wait('the client has everything', ({ trades, book }, symbol) => {
        const expected = sent.get(symbol);
        const last = expected?.trades.findLast(({ owed }) => owed)?.trade;
        const arrived =
          last === undefined || trades.some(({ id }) => id === (taking.misread?.(last) ?? last).id);
        return arrived && JSON.stringify(book) === JSON.stringify(expected?.book);
      }).catch((error) => {
        if (client.errors.length > 0) throw error;
      });
      for (const symbol of symbols) {
        const { trades, book } = client.seen(symbol);
        if (taking.trades !== undefined)
          checkTrades(trades, taking, sent.get(symbol)?.trades ?? [], newest_first);
        if (taking.book !== true) continue;
        assertSame(book?.bids ?? [], sent.get(symbol)?.book?.bids ?? []);
        assertSame(book?.asks ?? [], sent.get(symbol)?.book?.asks ?? []);
      }
    } finally {
      await client.close();
      await simulator.stop();
    }
  });
}
