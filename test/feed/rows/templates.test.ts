/**
 * Templates against the same messages read in full: for every exchange that has them, each kind of message that becomes
 * one row is read by a template the second time, and no byte that differs changes what a message means.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Exchange } from '../../../src/feed/exchange.js';
import { NO_MATCH } from '../../../src/feed/json/fields.js';
import { RESULT } from '../../../src/feed/rows/result.js';
import { EXCHANGES, type Fixture, type FixtureRow, readFixtures } from '../../support/fixtures.js';
import { Harness } from '../../support/harness.js';

/** What each byte is replaced by: a digit, what structures a message, a letter, and what no message may hold. */
const DAMAGES = Buffer.from('7",{x\x00\x80', 'latin1');

/** A UUID whose end is exchanged to make another one. */
const UUID = /([0-9a-f]{8}-(?:[0-9a-f]{4}-){3})[0-9a-f]{12}/;

/** The number that messages of some connections have. */
const NUMBER = /("sequence_num":)\d+/;

/** A shard with templates and one without, which have to agree about everything. */
class Pair {
  private readonly used: Harness;
  private readonly full: Harness;
  /** messages that a template has read */
  hits = 0;
  /** grows with every id that was made */
  private fresh = 0;

  constructor(
    private readonly exchange: Exchange,
    symbols: readonly string[],
    channels: readonly string[] | undefined,
  ) {
    const options = { channels, ringWords: 1 << 14 };
    this.used = new Harness(exchange, symbols, options);
    this.full = new Harness(exchange, symbols, { ...options, withoutTemplates: true });
    assert.equal(this.full.parser.templates, undefined);
    const { templates } = this.used.parser;
    assert.ok(templates !== undefined);
    const read = templates.read.bind(templates);
    templates.read = (bytes, start, end) => {
      const result = read(bytes, start, end);
      if (result !== NO_MATCH) this.hits++;
      return result;
    };
  }

  get slow(): number {
    return this.used.count('slow_path');
  }

  feed(message: string | Uint8Array): number {
    const result = this.used.feed(message);
    const text = Buffer.from(message).toString('latin1');
    assert.equal(result, this.full.feed(message), text);
    assert.deepEqual(seenBy(this.used), seenBy(this.full), text);
    return result;
  }

  /** The message as the first one of a connection, where these are numbered. */
  private asFirst(message: string): string {
    if (!NUMBER.test(message)) return message;
    for (const { parser } of [this.used, this.full]) parser.reconnected?.();
    return message.replace(NUMBER, '$10');
  }

  /** The message with the id that a trade behind the ones so far has; as it is where rows have no such ids. */
  next(original: string, { table, trade_id, trade_uuid }: FixtureRow, slot: number): string {
    const message = this.asFirst(original);
    this.fresh++;
    for (const [name, sequence] of this.full.sequences) {
      if (sequence.table.name !== table || trade_id === undefined) continue;
      if (trade_uuid !== undefined)
        return message.replace(UUID, (_, start) => start + this.fresh.toString(16).padStart(12, '0'));
      const isUnordered = this.exchange.channels[name].ids === 'unordered';
      const id = isUnordered ? BigInt(trade_id) + BigInt(this.fresh) : sequence.expected(slot);
      return message.replaceAll(new RegExp(`(?<=[:"])${trade_id}(?=[",}])`, 'g'), String(id));
    }
    return message;
  }
}

/** Everything that messages have done since the last call. */
function seenBy(harness: Harness): unknown {
  const { gaps, refusals, control, rows, reordered, breaks } = harness;
  const events = [gaps, refusals, control].map((list) => list.splice(0));
  return [harness.take(), harness.counts(), { ...rows.counts }, reordered, breaks, events];
}

/** The row of a message that becomes one. */
const rowOf = ({ rows }: Fixture) => (rows.length === 1 ? rows[0] : undefined);

/** Every message that differs from this one in one byte. */
function* damaged(message: string): Generator<Uint8Array> {
  for (let at = 0; at < message.length; at++) {
    for (const byte of DAMAGES) {
      const bytes = Buffer.from(message);
      bytes[at] = byte;
      yield bytes;
    }
  }
}

/** The message without one of its strings, numbers and words, each in turn. */
function withoutEach(message: string): string[] {
  const members = message.matchAll(/"[^"]+"\s*:\s*("[^"]*"|[-\d.eE+]+|true|false|null)/g);
  return Array.from(members, ({ 0: member, index }) => {
    const [front, behind] = [message.slice(0, index), message.slice(index + member.length)];
    return /^\s*,/.test(behind) ? front + behind.replace(',', '') : front.replace(/,\s*$/, '') + behind;
  });
}

for (const exchange of EXCHANGES) {
  const { symbols, templates: tables, messages: fixtures } = readFixtures(exchange.id);
  if (tables.length === 0) continue;
  describe(exchange.id, () => {
    /** Fixtures whose second message is read by a template, each with what feeds the next good one. */
    function* learned() {
      for (const fixture of fixtures) {
        const { name, message, before, channels } = fixture;
        const row = rowOf(fixture);
        if (row === undefined || before !== undefined) continue;
        const pair = new Pair(exchange, symbols, channels);
        const slot = symbols.indexOf(row.symbol);
        const next = () => pair.next(message, row, slot);
        pair.feed(message);
        pair.feed(next());
        if (pair.hits === 1) yield { name, row, pair, next };
      }
    }

    it('reads the second message of each kind by a template', () => {
      const read = new Set([...learned()].map(({ row }) => row.table));
      assert.deepEqual([...read].sort(), tables);
    });

    it('takes a message with another byte anywhere as it is read in full', () => {
      for (const { name, pair, next } of learned()) {
        for (const bytes of damaged(next().replace(NUMBER, '$11'))) {
          const hits = pair.hits;
          assert.equal(pair.feed(next()), RESULT.rows);
          assert.equal(pair.hits, hits + 1, name);
          pair.feed(bytes);
        }
      }
    });

    it('reads messages that lack one of their values as in full', () => {
      let hits = 0;
      for (const fixture of fixtures) {
        const { message, before, channels } = fixture;
        const row = rowOf(fixture);
        if (row === undefined || before !== undefined) continue;
        for (const lacking of withoutEach(message)) {
          const pair = new Pair(exchange, symbols, channels);
          for (let n = 0; n < 3; n++) pair.feed(pair.next(lacking, row, symbols.indexOf(row.symbol)));
          hits += pair.hits;
        }
      }
      assert.ok(hits > 10);
    });

    it('learns nothing from a message of one kind behind another that the JSON parser has read', () => {
      for (const fixture of fixtures) {
        const { message, channels } = fixture;
        if (rowOf(fixture) === undefined) continue;
        const pair = new Pair(exchange, symbols, channels);
        for (const other of fixtures) {
          for (const earlier of other.before ?? []) pair.feed(earlier);
          pair.feed(message.replace('{', '{"zz":"\\n",'));
          pair.feed(other.message);
          pair.feed(other.message);
        }
        assert.ok(pair.slow >= 1);
      }
    });
  });
}
