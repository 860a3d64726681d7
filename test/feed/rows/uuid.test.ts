/** Order ids as 16 bytes against what Buffer makes of their hexadecimal digits. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { loadExchange } from '../../../src/exchanges/index.js';
import type { Exchange } from '../../../src/feed/exchange.js';
import { TRADES } from '../../../src/schema/tables.js';
import { Harness } from '../../support/harness.js';
import { randomFrom } from '../../support/random.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const WORD = TRADES.at.maker_order_id;
let exchange: Exchange;

before(async () => {
  exchange = await loadExchange('coinbase');
});

/** The column's bytes in hexadecimal digits; undefined when the text is refused. */
function read(harness: Harness, text: string): string | undefined {
  const { rows } = harness;
  assert.ok(rows.open(TRADES, 0));
  const bytes = Buffer.from(`-${text}f`, 'latin1');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (!rows.uuid(WORD, view, 1, bytes.length - 1)) return undefined;
  const { buffer, byteOffset } = rows.u32;
  return Buffer.from(buffer, byteOffset + 4 * (rows.record + WORD), 16).toString('hex');
}

function expected(text: string): string | undefined {
  return UUID.test(text) ? text.replaceAll('-', '').toLowerCase() : undefined;
}

test('reads every UUID, in small letters and capitals', () => {
  const harness = new Harness(exchange, ['BTC-USD']);
  const random = randomFrom(21);
  for (let n = 0; n < 5000; n++) {
    const hex = Array.from({ length: 4 }, () =>
      random(2 ** 32)
        .toString(16)
        .padStart(8, '0'),
    ).join('');
    const text = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    const sent = n % 2 === 0 ? text : text.toUpperCase();
    assert.equal(expected(sent), hex);
    assert.equal(read(harness, sent), hex);
  }
});

test('refuses what differs from a UUID in any byte, or in its length', () => {
  const harness = new Harness(exchange, ['BTC-USD']);
  const good = 'f07e510f-4edf-469d-b844-4f670f1e93f1';
  for (let at = 0; at < good.length; at++) {
    for (let byte = 0; byte < 256; byte++) {
      const text = `${good.slice(0, at)}${String.fromCharCode(byte)}${good.slice(at + 1)}`;
      assert.equal(read(harness, text), expected(text), `byte ${byte} at ${at}`);
    }
  }
  for (const text of ['', good.slice(1), `${good}0`]) assert.equal(read(harness, text), undefined);
});

test('an order id that is no UUID is missing and leaves nothing in its column', () => {
  const harness = new Harness(exchange, ['BTC-USD']);
  const good = '5f4bb11b-f065-4025-ad53-2091b10ad2cf';
  const mask = TRADES.missing.maker_order_id;
  for (const [n, maker] of [good, `${good.slice(0, -1)}x`, '12', `${good.slice(0, -1)}x`, good].entries()) {
    harness.feed(
      `{"type":"match","trade_id":${n + 1},"maker_order_id":"${maker}","taker_order_id":"${good}","side":"sell","size":"1","price":"2","product_id":"BTC-USD","sequence":1,"time":"2027-01-15T08:00:00.123456Z"}`,
    );
    const [{ values }] = harness.takeRows();
    assert.equal(
      Buffer.from(values.maker_order_id as Uint8Array).toString('hex'),
      maker === good ? good.replaceAll('-', '') : '0'.repeat(32),
    );
    assert.equal((Number(values.flags) & mask) !== 0, maker !== good);
  }
});
