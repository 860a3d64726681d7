/**
 * Pins what is compiled at run time for a trade of Binance: the template that reads such messages, the function that
 * writes its row by way of fields, and the shape of its envelope. After a change of the generators that is meant, look
 * at the difference that `UPDATE_SNAPSHOT=1 npm test -- rows/compiled` makes in compiled.snapshot.txt.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { loadExchange } from '../../../src/exchanges/index.js';
import { readFixtures } from '../../support/fixtures.js';
import { Harness } from '../../support/harness.js';

const FILE = 'test/feed/rows/compiled.snapshot.txt';

/** The source of what a private field of `owner` holds. */
function sourceOf(owner: object, field: string): string {
  const [compiled] = [Reflect.get(owner, field) as unknown].flat();
  assert.equal(typeof compiled, 'function', `${field} is compiled`);
  return `${String(compiled)}\n`;
}

test('what is compiled for a trade of Binance is in the snapshot', async () => {
  const harness = new Harness(await loadExchange('binance'), ['BTCUSDT'], { channels: ['trades'] });
  const [{ message }] = readFixtures('binance').messages;
  harness.feed(message);
  // a repeated id would be read in full
  harness.feed(message.replace('4567890123', '4567890124'));
  assert.deepEqual([harness.count('messages'), harness.count('template_misses')], [2, 1]);
  const { parser } = harness;
  const compiled = [
    sourceOf(parser.templates!, 'templates'),
    sourceOf(parser, 'trade'),
    sourceOf(parser.fields, 'shapes'),
  ].join('\n');
  if (process.env['UPDATE_SNAPSHOT'] === '1') writeFileSync(FILE, compiled);
  assert.equal(compiled, readFileSync(FILE, 'utf8'), 'see the top of this test');
});
