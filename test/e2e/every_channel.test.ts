/**
 * Every channel of an exchange from the simulator's socket to the column files, as processes, with a forced disconnect
 * and, where books come as changes, a lost or a wrong one and, where their numbers begin anew, a restart of the
 * exchange's books: every event is stored once or listed, and the order books on disk are those of the simulator.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Exchange } from '../../src/feed/exchange.js';
import { compareLedger, formatComparison } from '../../src/simulator/compare/compare.js';
import { PROTOCOLS } from '../../src/simulator/venues/index.js';
import { channelsOf, EXCHANGES } from '../support/fixtures.js';
import {
  startLoggerProcess,
  startSimulatorProcess,
  temporaryFolder,
  until,
  verifyProblems,
} from '../support/processes.js';

const INTERVALS = ['1m', '5m'];

/** What the simulator has sent of these channels. */
function sentChannels({ id, channels }: Exchange): string[] {
  return PROTOCOLS[id].channels.filter(
    (name) => name in channels && INTERVALS.includes(channels[name].interval ?? INTERVALS[0]),
  );
}

/** The fault that breaks a book so that it shows; undefined where each message has all of it, or nothing shows. */
function bookFault({ id, channels: { book } }: Exchange): string | undefined {
  if (book.ids !== 'book' || book.lossInvisible === true) return undefined;
  // without numbers a lost change that the next one makes up for cannot be seen
  return PROTOCOLS[id].checksums === true ? 'corrupt' : 'drop';
}

for (const exchange of EXCHANGES) {
  const { id } = exchange;
  test(`${id}: every event of all channels is stored once or listed, and the books on disk are right`, async () => {
    const folder = temporaryFolder(id);
    const [ledger, data] = [join(folder, 'ledger'), join(folder, 'data')];
    const simulator = await startSimulatorProcess(ledger, ['--symbols', '12', '--rate', '4000'], id);
    const exchangeLines = {
      [id]: [
        `channels = ${JSON.stringify(channelsOf(exchange))}`,
        `kline_intervals = ${JSON.stringify(INTERVALS)}`,
      ],
    };
    const logger = startLoggerProcess({ folder, symbolsPerConnection: 6, exchangeLines }, simulator);
    const health = async () => (await logger.health()).exchanges[id];
    const grown = async (rows: number) => {
      const { rows_written } = await health();
      await until(
        `${rows} more rows are written`,
        async () => (await health()).rows_written > rows_written + rows,
      );
    };
    await logger.ready();
    await grown(5000);
    await simulator.fault({ kind: 'cut', connections: 'all' });
    await until('every connection has been lost', async () =>
      (await health()).connections.every((c) => c.reconnects > 0),
    );
    await logger.ready();
    await grown(5000);
    const kind = bookFault(exchange);
    if (kind !== undefined) {
      const { gaps } = await health();
      await simulator.fault({ kind, exchange: id, channel: 'book', count: 1 });
      await until('the book that was broken is complete again', async () => (await health()).gaps > gaps);
    }
    if (PROTOCOLS[id].resets_with_snapshot === true)
      await simulator.fault({ kind: 'reset-book', exchange: id });
    await grown(5000);
    await simulator.finish();
    await logger.quiet();
    assert.equal(await logger.stop(), 0, logger.stderr());
    await simulator.stop();
    const comparison = compareLedger(ledger, data);
    assert.ok(comparison.ok, formatComparison(comparison));
    const stored = comparison.channels.filter(({ on_disk }) => on_disk > 0);
    const names = new Set(stored.map(({ channel }) => channel));
    assert.deepEqual([...names].sort(), sentChannels(exchange).sort());
    assert.ok(
      stored.some(({ listed }) => listed > 0),
      'the disconnect lost events, and GAPS lists them',
    );
    assert.equal(await verifyProblems(data), '');
  });
}
