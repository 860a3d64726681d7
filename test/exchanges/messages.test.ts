/**
 * Every parser on messages written by hand, on the same messages in other clothes (keys in another order, unknown
 * keys, escapes), and on bad ones: what cannot be read is refused and counted once, what can be read is kept exactly.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Exchange } from '../../src/feed/exchange.js';
import { parseKeepingText } from '../../src/feed/json/document.js';
import { RESULT } from '../../src/feed/rows/result.js';
import type { DecodedRow } from '../../src/schema/codec.js';
import { flag } from '../../src/schema/flags.js';
import { TEXT_KIND } from '../../src/schema/text.js';
import { readMessages, recordings } from '../support/corpus.js';
import { EXCHANGES, type Fixture, type FixtureRow, readFixtures } from '../support/fixtures.js';
import { Harness, type HarnessOptions, type ParserName, simdjsonMissing } from '../support/harness.js';
import { membersOf } from '../support/json_text.js';
import { randomFrom, shuffled } from '../support/random.js';

const PARSERS: readonly ParserName[] = simdjsonMissing() ? ['scan', 'json'] : ['scan', 'json', 'simdjson'];
const RECEIVED = 1_800_000_000;
/** small, as there is one ring for nearly every message */
const RING_WORDS = 1 << 13;

/** Column values as text. */
function textsOf(row: DecodedRow, symbols: readonly string[]): Record<string, string | number> {
  const values = Object.entries(row.values).map(([name, value]) => [
    name,
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value),
  ]);
  return { table: row.table, symbol: symbols[row.stream], day: row.day, ...Object.fromEntries(values) };
}

/** Rows of one message on a shard of its own. */
function rowsOf(
  exchange: Exchange,
  symbols: readonly string[],
  message: string | Uint8Array,
  parser: ParserName,
  { before = [], answer, channels }: Pick<Fixture, 'before' | 'answer' | 'channels'> = {},
) {
  const harness = new Harness(exchange, symbols, {
    parser,
    channels,
    receivedSeconds: RECEIVED,
    ringWords: RING_WORDS,
  });
  for (const earlier of before) harness.feed(earlier);
  if (answer !== undefined)
    for (const { slot } of harness.requests) harness.respond(slot, parseKeepingText(answer));
  harness.takeRows();
  const result = harness.feed(message);
  return { harness, result, rows: harness.takeRows().map((row) => textsOf(row, symbols)) };
}

type Random = (below: number) => number;

/** The same object with its members in another order, and others in between. */
function redressed(random: Random, text: string, escapes: boolean): string {
  const extra: [string, string][] = [
    ['zz1', 'null'],
    ['zz2', '"x y"'],
    ['zz3', '-1.5e-7'],
    ...(escapes ? ([['zz4', '{"a":[1,{"b":"}"}]}']] as [string, string][]) : []),
  ];
  const members = membersOf(text).map(([key, value]): [string, string] => [
    key,
    value.startsWith('{')
      ? redressed(random, value, escapes)
      : value.startsWith('[{')
        ? redressedList(random, value, escapes)
        : value.startsWith('"') && escapes
          ? escaped(value)
          : value,
  ]);
  const space = () => [' ', '', '\n', '\t', '\r\n'][random(5)];
  const parts = shuffled(random, [...members, ...extra]).map(
    ([key, value]) => `${space()}"${key}"${space()}:${space()}${value}${space()}`,
  );
  return `{${parts.join(',')}}`;
}

/** A list of one flat object; others stay as they are. */
function redressedList(random: Random, value: string, escapes: boolean): string {
  const inner = value.slice(1, -1);
  return /^\{[^{}[\]]*\}$/.test(inner) ? `[${redressed(random, inner, escapes)}]` : value;
}

/** A string with one of its characters as an escape. */
function escaped(value: string): string {
  return value.replace(/[A-Za-z0-9]/, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

for (const exchange of EXCHANGES) {
  const { recordings: folder, symbols, messages: fixtures } = readFixtures(exchange.id);
  describe(exchange.id, () => {
    it('gives the rows that were worked out by hand', () => {
      for (const fixture of fixtures) {
        for (const parser of PARSERS) {
          const { rows } = rowsOf(exchange, symbols, fixture.message, parser, fixture);
          assert.equal(rows.length, fixture.rows.length, `${fixture.name}, ${parser}`);
          for (const [i, row] of fixture.rows.entries()) {
            const seen = Object.fromEntries(Object.keys(row).map((column) => [column, rows[i][column]]));
            // f32 columns hold their value as a double prints it
            const expected = Object.fromEntries(
              Object.entries(row).map(([k, v]) => [
                k,
                typeof seen[k] === 'string' && /\.\d{9}/.test(String(v)) ? String(Number(v)) : v,
              ]),
            );
            assert.deepEqual(seen, expected, `${fixture.name}, row ${i}, ${parser}`);
          }
        }
      }
    });

    it('gives the same rows for keys in any order, unknown keys and escapes', () => {
      const random = randomFrom(5);
      for (const fixture of fixtures) {
        const { rows } = rowsOf(exchange, symbols, fixture.message, 'scan', fixture);
        for (let i = 0; i < 60; i++) {
          const other = redressed(random, fixture.message, i % 2 === 1);
          for (const parser of PARSERS)
            assert.deepEqual(
              rowsOf(exchange, symbols, other, parser, fixture).rows,
              rows,
              `${fixture.name}, ${parser}: ${other}`,
            );
        }
      }
    });

    it('gives the same rows for recorded messages in other clothes', (t) => {
      const random = randomFrom(6);
      let compared = 0;
      for (const recording of recordings(folder).filter((name) => !name.includes('hft'))) {
        const flat = readMessages(recording)
          .map((m) => m.raw)
          .filter((raw) => raw.length < 900 && !/[[\\]/.test(raw) && /"(price|c|q|u|lastPrice)":/.test(raw));
        const wanted = [
          ...new Set(flat.map((raw) => /"(?:product_id|s|symbol)":"([^"]+)"/.exec(raw)?.[1] ?? '')),
        ];
        const make = (options: HarnessOptions) =>
          new Harness(exchange, wanted, { ...options, receivedSeconds: RECEIVED });
        const plain = make({});
        const others = [make({}), make({}), make({ parser: 'json' })];
        for (const raw of shuffled(random, flat).slice(0, 400)) {
          plain.feed(raw);
          const rows = plain.takeRows().map((row) => textsOf(row, wanted));
          others.forEach((other, i) => {
            const message = redressed(random, raw, i === 1);
            other.feed(message);
            assert.deepEqual(
              other.takeRows().map((row) => textsOf(row, wanted)),
              rows,
              message,
            );
          });
          compared += rows.length;
        }
      }
      t.diagnostic(`${compared} rows compared`);
    });

    it('publishes nothing of a message that was cut anywhere, and counts it once', () => {
      const recorded = recordings(folder)
        .filter((name) => !name.includes('hft'))
        .flatMap((name) => shuffled(randomFrom(8), readMessages(name)).slice(0, 12))
        .map((m) => m.raw)
        .filter((raw) => raw.length < 900);
      for (const parser of PARSERS) {
        for (const message of [...fixtures.map((fixture) => fixture.message), ...recorded]) {
          const bytes = Buffer.from(message);
          const harness = new Harness(exchange, symbols, { parser, ringWords: 1 << 18 });
          for (let length = 0; length < bytes.length; length++) {
            harness.feed(bytes.subarray(0, length));
            assert.equal(harness.count('rejected'), length + 1, `${length} bytes of ${message}, ${parser}`);
          }
          assert.equal(harness.takeRows().length, 0);
        }
      }
    });

    it('refuses or keeps a message with each of its values null, missing or of another type, in every parser alike', () => {
      for (const fixture of fixtures) {
        const { message } = fixture;
        const inner = /"data":\[?(\{.*\})\]?\}$/s.exec(message)?.[1] ?? message;
        for (const [key, value] of membersOf(inner)) {
          for (const other of [
            'null',
            '""',
            '"NaN"',
            '"-1.5"',
            '-0',
            '"1e-7"',
            '1e-7',
            '"x"',
            'true',
            '{}',
            '[]',
            '"../x"',
            undefined,
          ]) {
            const text = other === undefined ? `"zz":0` : `"${key}":${other}`;
            const changed = message.replace(`"${key}":${value}`, text);
            const [first, ...rest] = PARSERS.map((parser) => {
              const { rows, harness, result } = rowsOf(exchange, symbols, changed, parser, fixture);
              const counted = (['rejected', 'unwanted', 'unknown_kind', 'control', 'unsynced'] as const).map(
                (c) => harness.count(c),
              );
              const stored = rows.length > 0 || result === RESULT.buffered ? 1 : 0;
              const outcomes = stored + counted.reduce((a, b) => a + b, 0);
              // of a message with several parts the rest is stored when one is refused
              const parts = fixture.rows.length > 1 && outcomes === 2;
              assert.ok(outcomes === 1 || parts, `${parser}: ${changed}`);
              return { rows, counted };
            });
            for (const same of rest) assert.deepEqual(same, first, changed);
          }
        }
      }
    });
  });
}

const isTrade = (rows: readonly FixtureRow[]) => rows.length === 1 && rows[0].table === 'TRADES';

/** A message with other values under these names; one that it does not have comes first. */
function changed(message: string, values: Readonly<Record<string, string>>): string {
  return Object.entries(values).reduce((text, [name, value]) => {
    const member = new RegExp(`"${name}":("[^"]*"|[^,}\\]]+)`);
    return member.test(text)
      ? text.replace(member, () => `"${name}":${value}`)
      : text.replace('{', () => `{"${name}":${value},`);
  }, message);
}

describe('bad input', () => {
  for (const exchange of EXCHANGES) {
    const { id } = exchange;
    const { trade, messages } = readFixtures(id);
    const single = messages.find(({ rows, before }) => isTrade(rows) && before === undefined);
    assert.ok(single !== undefined, `test/fixtures/${id}.json has a message with one trade`);
    const [{ symbol, trade_uuid }] = single.rows;
    /** The trade with other values, as they stand in JSON. */
    const make = (changes: Readonly<Record<string, string>>) => changed(single.message, changes);
    const { price, id: tradeId, time } = trade;
    const feed = (message: string | Uint8Array, parser: ParserName) => {
      const harness = new Harness(exchange, [symbol], {
        parser,
        receivedSeconds: RECEIVED,
        ringWords: RING_WORDS,
      });
      const result = harness.feed(message);
      return { harness, result };
    };
    const each = (message: string | Uint8Array, expected: number) => {
      for (const parser of PARSERS) {
        const { harness, result } = feed(message, parser);
        assert.equal(result, expected, `${parser}: ${message}`);
        if (expected >= RESULT.badJson) assert.equal(harness.count('rejected'), 1);
        if (expected !== RESULT.rows) assert.equal(harness.takeRows().length, 0);
      }
    };

    it(`${id}: keeps a number that does not fit, with its text beside the row`, () => {
      const texts = ['-1.5', '-0', '12345678901234567890', `0.${'1'.repeat(30)}`, '1e-300', '007'];
      for (const text of texts) {
        for (const parser of PARSERS) {
          const { harness } = feed(make({ [price]: `"${text}"` }), parser);
          const [row, literal, ...more] = harness.take();
          assert.ok(
            row.table === 'TRADES' && literal.table === 'TEXT' && 'kind' in literal && 'values' in row,
            text,
          );
          assert.equal(more.length, 0);
          assert.deepEqual([literal.kind, literal.text, literal.tableId], [TEXT_KIND.literal, text, 2]);
          const flags = Number(row.values.flags);
          assert.ok((flags & flag('literal_in_sidecar')) !== 0);
          assert.equal(
            (flags & flag('failed_validation')) !== 0,
            text.startsWith('-') || text === '1e-300',
            text,
          );
          assert.equal(row.values.price_digits, 0n);
          assert.equal(harness.rows.counts.literals, 1);
        }
      }
    });

    it(`${id}: keeps an exponent form as digits and says so`, () => {
      for (const text of ['"1e-7"', '1e-7', '"2.1E-7"']) {
        for (const parser of PARSERS) {
          const { harness } = feed(make({ [price]: text }), parser);
          const [row] = harness.takeRows();
          assert.ok((Number(row.values.flags) & flag('literal_normalized')) !== 0);
          assert.equal(row.values.price_digits, text.includes('2.1') ? 21n : 1n);
        }
      }
    });

    if (trade_uuid === undefined) {
      it(`${id}: stores ids up to 2^64 - 1 exactly, whichever parser`, () => {
        for (const text of [
          '9007199254740991',
          '9007199254740992',
          '9007199254740993',
          '9223372036854775809',
          '18446744073709551615',
        ]) {
          for (const parser of PARSERS) {
            const { harness } = feed(make({ [tradeId]: text }), parser);
            assert.equal(harness.takeRows()[0]?.values.trade_id, BigInt(text), `${parser} ${text}`);
          }
        }
      });
    }

    it(`${id}: refuses with a reason what it cannot read`, () => {
      for (const text of ['-1', '18446744073709551616', '1.5', '"abc"', '1e3', '-0'])
        each(make({ [tradeId]: text }), RESULT.badId);
      for (const text of ['"NaN"', '"Infinity"', '"1,5"', '"0x10"', '" 1"', '"+1"', '".5"', '"5."'])
        each(make({ [price]: text }), RESULT.badNumber);
      for (const text of ['null', '""', 'true', '[]']) each(make({ [price]: text }), RESULT.missingField);
      for (const text of ['"yesterday"', '"2027-02-30T00:00:00Z"', '-5', '1.5'])
        each(make({ [time]: text }), RESULT.badTime);
      for (const text of ['x', '{', '{}}', '[1', '{"a":1,}', '\u0000']) each(text, RESULT.badJson);
      each(Buffer.concat([Buffer.from('{"x":"'), Buffer.of(0xff), Buffer.from('"}')]), RESULT.badUtf8);
      each(Buffer.from(make({ zz: '"\u00ff"' }), 'latin1'), RESULT.badUtf8);
    });

    it(`${id}: sets aside what nobody asked for`, () => {
      for (const name of ['../../etc/passwd', 'NOPE', '\\u0000', '币安', 'x'.repeat(10_000)])
        each(
          single.message.replaceAll(symbol, () => name),
          RESULT.unwanted,
        );
      for (const text of [
        '{"e":"new thing"}',
        '{"type":"new thing"}',
        '5',
        'null',
        '"x"',
        '[]',
        '{}',
        '[1,2]',
      ])
        each(text, RESULT.unknownKind);
    });

    it(`${id}: control messages that are broken end no thread`, () => {
      for (const text of [
        '{"type":"subscriptions","channels":[}',
        '{"type":"error","channels":{]}',
        `{"type":"subscriptions","channels":${'['.repeat(50)}${']'.repeat(50)}}`,
        '{"type":"error","reason":5,"channels":7}',
        '{"id":{},"error":[]}',
        '{"id":null}',
        '{"error":{"msg":5},"id":"x"}',
      ]) {
        const { result, harness } = feed(text, 'scan');
        assert.ok(result >= 2, text);
        assert.equal(harness.takeRows().length, 0);
      }
    });
  }
});
