/** The exchanges are what the folder holds, and each is found by its id alone. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { LoggerError } from '../../src/base/errors.js';
import { loadExchange, loadExchanges } from '../../src/exchanges/index.js';

const FILES = readdirSync('src/exchanges')
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.replace('.ts', ''));

test('every exchange is found by its id, in the file that has its name or that of its company', async () => {
  const ids = (await loadExchanges()).map(({ id }) => id);
  assert.deepEqual(ids, [...new Set(ids)].sort());
  for (const id of ids) {
    assert.equal((await loadExchange(id)).id, id);
    assert.ok(FILES.includes(id.replaceAll('-', '_')) || FILES.includes(id.split('-')[0]), id);
  }
  assert.ok(ids.includes('binance') && ids.includes('binance-futures'));
  for (const file of FILES.filter((name) => name !== 'index'))
    assert.ok(ids.includes(file.replaceAll('_', '-')), `${file}.ts has the exchange that it is named after`);
});

test('what is no exchange is refused with the names of those that are', async () => {
  for (const id of [
    '',
    'index',
    'nope',
    'binance-',
    'binance-nope',
    '../binance',
    'coinbase_advanced',
    'coinbase-nope',
    'futures',
  ])
    await assert.rejects(
      loadExchange(id),
      (error: unknown) =>
        error instanceof LoggerError && error.code === 'USAGE' && error.message.includes('binance-futures'),
      id,
    );
});
