/** Values of rows for binary formats, and that Avro and Protocol Buffers keep them to the last bit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import avsc from 'avsc';
import protobuf from 'protobufjs';
import type { Place } from '../../../src/delivery/place.js';
import { RecordView } from '../../../src/delivery/record_view.js';
import { loadEncoding } from '../../../src/delivery/schemas/encoder.js';
import { schemaOf } from '../../../src/delivery/schemas/row_schema.js';
import { nanosHalves, valuesOf } from '../../../src/delivery/schemas/values.js';
import { MD, TRADES } from '../../../src/schema/tables.js';

const BIG = { low: 0xfffffffe, high: 0x7fffffff };

function place(over: Partial<Place> = {}): Place {
  return {
    ...{ exchange: 'bybit-linear', native: 'BTCUSDT', symbol: 'BTC-USDT', directory: 'BTCUSDT' },
    ...{ table: TRADES, day: 20_000, exact: true, ...over },
  };
}

function trade(high = BIG.high, over: Partial<Place> = {}): RecordView {
  const { at } = TRADES;
  const words = new Uint32Array(TRADES.words);
  [words[at.trade_id], words[at.trade_id + 1]] = [BIG.low, high];
  [words[at.trade_time], words[at.trade_nanos]] = [1_795_824_000, 999_999_999];
  words[at.trade_side] = 2;
  words[at.flags] = TRADES.missing.taker_order_id;
  words[at.price_digits] = 6_512_300;
  words[at.scales] = 2;
  words[at.trade_uuid] = 1;
  const view = new RecordView();
  view.show(words, 0, place(over), 4_000_000_000);
  return view;
}

const bigint = ({ low, high }: { low: number; high: number }) => (BigInt(high) << 32n) | BigInt(low);

test('nanoseconds are exact as halves', () => {
  for (const seconds of [0, 1, 65_535, 65_536, 1_795_824_000, 4_294_967_295])
    for (const nanos of [0, 1, 999_999_999])
      assert.equal(
        bigint(nanosHalves(seconds, nanos)),
        BigInt(seconds) * 1_000_000_000n + BigInt(nanos),
        `${seconds}.${nanos}`,
      );
});

test('what a message lacked, what its exchange has not and what is 0 as a time or an id is missing', () => {
  const read = valuesOf(schemaOf(TRADES));
  const values = read(trade());
  const missing = Object.entries(values).filter(([, value]) => value === null);
  assert.deepEqual(
    missing.map(([name]) => name),
    ['maker_order_id', 'taker_order_id', 'recv_time'],
  );
  assert.equal(read(trade(0, { exchange: 'kraken' }))['trade_uuid'], null);
});

test('numbers that only a single holds are numbers, missing ones null', () => {
  const read = valuesOf(schemaOf(MD));
  const words = new Uint32Array(MD.words);
  const floats = new Float32Array(words.buffer);
  floats[MD.at.last_size] = 0.1;
  floats[MD.at.volume_24h] = Number.NaN;
  const view = new RecordView();
  view.show(words, 0, place({ table: MD }), 0);
  const { last_size, volume_24h } = read(view);
  assert.deepEqual([last_size, volume_24h], [Math.fround(0.1), null]);
});

/** The type `long` as BigInt, as a reader would have it that knows nothing of halves. */
const bigLong = avsc.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: () => Buffer.alloc(8),
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: () => 0 as const,
});

test('Avro keeps every value, and refuses a number that exceeds a long', async () => {
  const { encoder, schemaText } = await loadEncoding('avro');
  const encode = encoder(schemaOf(TRADES));
  // a type with a logical one is not looked up among those of the registry
  const schema = JSON.parse(schemaText(schemaOf(TRADES)), (_, value) =>
    value?.logicalType ? value.type : value,
  );
  const type = avsc.Type.forSchema(schema, { registry: { long: bigLong } });
  const row = type.fromBuffer(Buffer.from(encode(trade())));
  assert.equal(row.trade_id, bigint(BIG));
  assert.equal(row.trade_time, 1_795_824_000_999_999_999n);
  assert.deepEqual(
    [row.exchange, row.table, row.day, row.row, row.trade_side, row.trade_price, row.taker_order_id],
    ['bybit-linear', 'TRADES', 20_000, 4_000_000_000n, 'sell', '65123.00', null],
  );
  assert.equal(row.trade_uuid, '01000000-0000-0000-0000-000000000000');
  assert.throws(() => encode(trade(2 ** 31)), /trade_id exceeds 63 bits: 9223372041149743102$/);
});

test('Protocol Buffers keep every value, numbers of 64 bits without a sign too', async () => {
  const { encoder, schemaText } = await loadEncoding('protobuf');
  const { root } = protobuf.parse(schemaText(schemaOf(TRADES)), { keepCase: true });
  const type = root.lookupType('logger.Trades');
  const bytes = encoder(schemaOf(TRADES))(trade(2 ** 32 - 1));
  const row = type.toObject(type.decode(bytes), { longs: String });
  assert.equal(row['trade_id'], String(bigint({ low: BIG.low, high: 2 ** 32 - 1 })));
  assert.equal(row['trade_time'], '1795824000999999999');
  assert.deepEqual(
    [row['exchange'], row['day'], row['row'], row['trade_price'], 'taker_order_id' in row],
    ['bybit-linear', 20_000, 4_000_000_000, '65123.00', false],
  );
});
