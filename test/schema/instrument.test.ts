/** Rows of INSTRUMENTS: steps with every digit, what is missing, and what counts as a change. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DecodedRow, decodeRecord } from '../../src/schema/codec.js';
import { FLAGS } from '../../src/schema/flags.js';
import { factsOf, type InstrumentValues, instrumentRecord } from '../../src/schema/instrument.js';
import { INSTRUMENTS } from '../../src/schema/tables.js';

const BTC: InstrumentValues = { state: 'trading', tick: '0.10', lot: '0.00001' };
const SEEN_MS = 1_800_000_000_123;

const rowOf = (values: Partial<InstrumentValues>) =>
  (decodeRecord(instrumentRecord({ ...BTC, ...values }, SEEN_MS), 0) as DecodedRow).values;
const facts = (values: Partial<InstrumentValues>, seenMs = SEEN_MS) => {
  const record = instrumentRecord({ ...BTC, ...values }, seenMs);
  return factsOf((column) => record[INSTRUMENTS.at[column]]);
};

test('a row holds the steps as they are listed, and when the list came', () => {
  const row = rowOf({ listedMs: 1_585_526_400_999 });
  assert.deepEqual(
    [row.time, row.nanos, row.state, row.listed_time, row.flags],
    [1_800_000_000, 123_000_000, 2, 1_585_526_400, 0],
  );
  assert.deepEqual([row.tick_size, row.lot_size], [Math.fround(0.1), Math.fround(0.00001)]);
  assert.deepEqual([row.tick_size_digits, row.lot_size_digits, row.scales], [10n, 1n, 2 | (5 << 8)]);
  assert.deepEqual(decodeRecord(instrumentRecord(BTC, SEEN_MS), 0), {
    ...{ table: 'INSTRUMENTS', stream: 0, day: 20_833 },
    values: rowOf({}),
  });
});

test('what is not listed, or is no number that columns can hold, is missing', () => {
  const { tick_size, lot_size, listed_time } = INSTRUMENTS.missing;
  for (const tick of ['', 'none', '-0.1', '1'.repeat(30)]) {
    const row = rowOf({ tick });
    assert.deepEqual([row.tick_size, row.tick_size_digits], [Number.NaN, 0n], tick);
    assert.equal(row.flags, tick_size | listed_time, tick);
  }
  assert.equal(rowOf({ lot: '', listedMs: 1 }).flags, lot_size | listed_time);
  const short = rowOf({ tick: '1E-8', listedMs: 1e12 });
  assert.deepEqual(
    [short.tick_size_digits, short.scales, short.flags],
    [1n, 8 | (5 << 8), 1 << FLAGS.literal_normalized.bit],
  );
});

test('a change of state, step or listing is one; another text of the same number, and time, are none', () => {
  const before = facts({});
  for (const same of [facts({ tick: '0.1' }), facts({ tick: '1e-1' }), facts({}, SEEN_MS + 5000)])
    assert.equal(same, before);
  for (const other of [{ state: 'halted' }, { tick: '0.01' }, { lot: '' }, { listedMs: 1e12 }] as const)
    assert.notEqual(facts(other), before);
});
