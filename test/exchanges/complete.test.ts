/**
 * What every exchange needs beside its file: fixtures, a venue of the simulator and cases for the bench. What is missing
 * is named with the file that it is expected in.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { BENCH_EXCHANGES, loadCases } from '../../bench/cases/index.js';
import { isWrittenFor } from '../../src/schema/columns.js';
import { PROTOCOLS } from '../../src/simulator/venues/index.js';
import { EXCHANGES, readFixtures } from '../support/fixtures.js';

/** Tables of an exchange that no fixture has a row of; candles of one interval stand for all. */
function tablesWithoutFixture(exchange: (typeof EXCHANGES)[number]): string[] {
  const kindOf = (table: string) => table.replace(/^KLINES_.*/, 'KLINES');
  const shown = new Set(
    readFixtures(exchange.id).messages.flatMap(({ rows }) => rows.map(({ table }) => kindOf(table))),
  );
  const tables = new Set(Object.values(exchange.channels).map(({ table }) => kindOf(table.name)));
  return [...tables].filter((table) => !shown.has(table));
}

async function missingOf(exchange: (typeof EXCHANGES)[number]): Promise<string[]> {
  const { id } = exchange;
  const fixtures = `test/fixtures/${id}.json`;
  const venue = `src/simulator/venues/${id.split('-')[0]}/protocol.ts`;
  const cases = `bench/cases/${id.replaceAll('-', '_')}.ts`;
  const bench = BENCH_EXCHANGES.includes(id) ? await loadCases(id) : [];
  return [
    ...(existsSync(fixtures)
      ? tablesWithoutFixture(exchange).map((table) => `${fixtures}: a message with rows of ${table}`)
      : [`${fixtures}: messages with the rows worked out by hand`]),
    ...(Object.hasOwn(PROTOCOLS, id) ? [] : [`${venue}: the protocol of ${id}`]),
    ...(bench.length > 0 ? [] : [`${cases}: messages to measure`]),
  ];
}

test('every exchange has fixtures, a venue in the simulator and cases in the bench', async () => {
  assert.deepEqual((await Promise.all(EXCHANGES.map(missingOf))).flat(), []);
});

test('a column of its own is one that only exchanges that name it have', () => {
  for (const { channels, id } of EXCHANGES)
    for (const { table, ownColumns = [] } of Object.values(channels)) {
      const own = table.columns.filter((column) => column.own && isWrittenFor(id, column));
      assert.deepEqual(
        own.map(({ name }) => name),
        ownColumns,
        `${id} ${table.name}: run npm run generate`,
      );
    }
});

test('every channel is listed once with what it is known from', () => {
  for (const { channels, evidence, id } of EXCHANGES) {
    const candles = Object.keys(channels).filter((name) => channels[name].interval !== undefined);
    const listed = Object.keys(evidence).flatMap((names) => names.split(' '));
    const all = listed.flatMap((name) => (name === 'klines' ? candles : [name]));
    assert.deepEqual(all.sort(), Object.keys(channels).sort(), id);
  }
});

test('fixtures, venues and cases are of exchanges that there are', () => {
  const ids = EXCHANGES.map(({ id }) => id);
  assert.deepEqual(Object.keys(PROTOCOLS), ids);
  assert.deepEqual(BENCH_EXCHANGES, ids);
});
