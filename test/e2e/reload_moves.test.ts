/**
 * Reloads that take symbols away and bring them back, so that they move from connection to connection: every trade is
 * on disk once or listed once, never both, and what was not asked for is said to be that.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { GAP_CAUSES, TRADES } from '../../src/schema/tables.js';
import { gapsBetween, union } from '../../src/store/read/intervals.js';
import { listedIds, readGaps } from '../../src/store/read/listings.js';
import { listTableDays, readBlocks, u64Of } from '../../src/store/read/reader.js';
import { startLoggerProcess, startSimulatorProcess, temporaryFolder, until } from '../support/processes.js';

const SYMBOLS = ['BTC-USD', 'ETH-USD', 'SOL-USD', 'XRP-USD', 'DOGE-USD'];
const RELOADS = Number(process.env.RELOADS ?? 12);

/** All but one symbol, another one each time: the one that comes back finds another connection half empty. */
function chosen(reload: number): string[] {
  return SYMBOLS.filter((_, i) => i !== (reload * 2) % SYMBOLS.length);
}

function idsOf(data: string, symbol: string): bigint[] {
  return listTableDays(data, { symbol, table: 'TRADES' }).flatMap((day) =>
    [...readBlocks(day, ['trade_id'])].flatMap((block) => [...u64Of(block, 'trade_id')]),
  );
}

test('symbols that move between connections lose nothing and store nothing twice', async () => {
  const folder = temporaryFolder('reload-moves');
  const data = join(folder, 'data');
  const simulator = await startSimulatorProcess(
    join(folder, 'ledger'),
    ['--symbols', '8', '--rate', '400'],
    'coinbase',
  );
  const list = (symbols: readonly string[]) => `symbols = ${JSON.stringify(symbols)}`;
  const lines = (symbols: readonly string[]) => ['channels = ["trades"]', list(symbols)];
  const logger = startLoggerProcess(
    { folder, symbolsPerConnection: 3, exchangeLines: { coinbase: lines(SYMBOLS) } },
    simulator,
  );
  await logger.ready();
  const file = join(folder, 'logger.toml');
  const reloaded = () => logger.lines.filter(({ msg }) => msg === 'configuration reloaded').length;
  for (let reload = 1; reload <= RELOADS; reload++) {
    const symbols = reload === RELOADS ? SYMBOLS : chosen(reload);
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^symbols = .*$/m, list(symbols)));
    logger.child.kill('SIGHUP');
    await until(`reload ${reload}`, () => reloaded() === reload);
  }
  const health = await logger.health();
  const before = health.exchanges.coinbase.rows_written;
  await until(
    'rows go on',
    async () => (await logger.health()).exchanges.coinbase.rows_written > before + 200,
  );
  assert.equal(await logger.stop(), 0, logger.stderr());

  const causes = new Set<number>();
  for (const symbol of SYMBOLS) {
    const ids = idsOf(data, symbol);
    const stored = union(ids.map((id) => ({ from: id, to: id }))).merged;
    const gaps = listTableDays(data, { symbol, table: 'GAPS' }).flatMap((day) => [...readGaps(day)]);
    for (const { table, cause } of gaps) if (table === TRADES.id) causes.add(cause);
    const listed = listedIds(gaps);
    assert.equal(new Set(ids).size, ids.length, `${symbol}: none is stored twice`);
    const all = union([...stored, ...listed]);
    assert.equal(all.overlap, 0n, `${symbol}: none is stored and listed`);
    assert.deepEqual(gapsBetween(all.merged), [], `${symbol}: none is missing without being listed`);
  }
  assert.deepEqual([...causes], [GAP_CAUSES.unsubscribed.id]);
});
