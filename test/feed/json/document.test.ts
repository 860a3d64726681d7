/**
 * The byte scanner and the text-keeping parser against JSON.parse: on recorded messages, on documents that are known
 * to divide parsers, and on a great many broken ones. The scanner may say that a message is unfamiliar; what it
 * accepts must be what JSON.parse accepts, with the same values.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JSON_DEPTH_MAX } from '../../../src/base/limits.js';
import { createJsonParser, decodeUtf8, parseKeepingText } from '../../../src/feed/json/document.js';
import { JsonFields, JsonNumber, KIND, NO_MATCH } from '../../../src/feed/json/fields.js';
import { JsonEither, JsonList, JsonTuples } from '../../../src/feed/json/lists.js';
import { readMessages, recordings } from '../../support/corpus.js';
import { recordingFolders } from '../../support/fixtures.js';
import { simdjsonMissing } from '../../support/harness.js';
import { oneOf, randomFrom, shuffled } from '../../support/random.js';

const KEYS = [
  'type',
  'product_id',
  'trade_id',
  'price',
  'size',
  'time',
  'side',
  'e',
  'E',
  's',
  't',
  'p',
  'q',
  'T',
  'm',
];

const REJECTED = [
  '', ' ', '{', '}', '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', '{,}', '{"a":1,,"b":2}', '{"a" 1}', '{"a"::1}', '{a:1}',
  "{'a':1}", '{"a":1}x', '{"a":1}{}', '{"a":1}]', '{"a":01}', '{"a":-01}', '{"a":1.}', '{"a":.5}', '{"a":-}', '{"a":+1}', '{"a":1e}',
  '{"a":1e+}', '{"a":0x1}', '{"a":NaN}', '{"a":Infinity}', '{"a":-Infinity}', '{"a":tru}', '{"a":True}', '{"a":nul}', '{"a":nulll}',
  '{"a":truefalse}', '{"a":"\\x"}', '{"a":"\\u12"}', '{"a":"\n"}', '{"a":"\t"}', '{"a":"\0"}', '{"a":"b}', '{"a":b"}', '{"a":1 2}', '{1:2}',
  '{null:1}', '{"a":[}', '{"a":{]}', '{"a":[1,]}', '{"a":[,1]}', '{"a":[1 2]}', '[', ']', '[1', '[1,', '[1}', '/**/{}', '{}//x', '\ufeff{}',
  '{"a":1;}', '{"a":"\\"}', '"', '"\\', '"\\"', '1 1', '--1', 'undefined', '{"a":\u00a01}', '{"a":1}\0', '\v{}', '{"a":"\u001f"}', '{"a":1}\f', '{"a"}',
]; // biome-ignore format: a table

const ACCEPTED = [
  '{}', ' { } ', '{"a":1}', '\t{\n"a"\r:\n1\t}\n', '[]', '[[[]]]', '1', '-0', '"x"', 'null', 'true', 'false', '1e5', '1E-5', '1.0', '-1.5e+10',
  '123456789012345678901234567890', '{"a":"","b":""}', '{"":1}', '{"a":1,"a":2}', '{"a":{"a":{"b":[1,{"c":null}]}}}', '{"a":"\u007f"}',
  '{"a":"\\u0041\\n\\"\\\\\\/\\b\\f\\r\\t"}', '{"\\u0061":1}', '{"a":"\\ud83d\\ude00"}', '{"a":"\\ud800"}', '{"a":"\u2028\u2029"}', '{"币":"安"}', '{"😀":"😀"}',
  '{"__proto__":{"x":1},"constructor":1,"toString":2,"hasOwnProperty":3}', '[1e999]', '{"a":1e-400}', '{"a":"//"}', '{"a":"}"}', '{"a":"\\\\"}', '{"a":0}', '[0,-0,0.0]',
  '{"a":"\ufeff"}', '{"a":[true,false,null]}', '[{"a":1},{"a":2}]', '"\\u0000"', '{"e":null,"E":[]}', '{"type":"x","type":null}', '{"p":{},"p":"1"}',
]; // biome-ignore format: a table

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The text-keeping parser's document as JSON.parse would have it. */
function plain(value: unknown): unknown {
  if (value instanceof JsonNumber) return JSON.parse(value.text);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const object: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value))
    Object.defineProperty(object, key, {
      value: plain(member),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  return object;
}

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

/** A reader of every kind of node: objects in objects, lists of objects, tuples, and values that may be all of these. */
const tuples = new JsonTuples(3);
const levels = new JsonFields(['price', 'qty']);
const either = new JsonFields([...KEYS, 'bids'], { bids: new JsonList(levels) });
const looseTuples = new JsonTuples(2);
const fields = new JsonFields([...KEYS, 'data', 'b', 'k'], {
  data: new JsonEither(either, looseTuples),
  b: tuples,
  k: new JsonFields(['t', 'p']),
  p: new JsonList(new JsonFields(['a'])),
});
const NAMES = [...KEYS, 'data', 'b', 'k'];

type Reader = JsonFields | JsonTuples;

/** What a value of the reader stands for, as JSON.parse would say it; `bytes` is the message. */
function valueAt(reader: Reader, bytes: Uint8Array, at: number): unknown {
  const text = Buffer.from(bytes).toString('utf8', reader.from[at], reader.to[at]);
  const kind = reader.kind[at];
  if (kind === KIND.string) return text;
  if (kind === KIND.number) return JSON.parse(text);
  if (kind === KIND.absent) return undefined;
  return kind === KIND.null ? null : kind === KIND.true;
}

/** The parts of a document that the reader has a place for, in a form that both sides can be brought to. */
function objectAt(reader: JsonFields, names: readonly string[], bytes: Uint8Array, row: number): unknown {
  return names.map((name, field) => {
    const at = row * reader.width + field;
    if (reader.kind[at] !== KIND.nested) return [name, valueAt(reader, bytes, at)];
    return [name, 'nested'];
  });
}

function expectedOf(names: readonly string[], document: Record<string, unknown>): unknown {
  return names.map((name) => {
    const value = Object.hasOwn(document, name) ? document[name] : undefined;
    return [name, typeof value === 'object' && value !== null ? 'nested' : value];
  });
}

function listOf(value: unknown): Record<string, unknown>[] {
  return (Array.isArray(value) ? value : [value]) as Record<string, unknown>[];
}

/** Checks every value that the reader shows against JSON.parse of the message. */
function checkReader(bytes: Uint8Array, document: Record<string, unknown>, text: string): void {
  assert.deepEqual(objectAt(fields, NAMES, bytes, 0), expectedOf(NAMES, document), text);
  const { data, b } = document;
  const place = (name: string) => NAMES.indexOf(name);
  if (fields.kind[place('b')] === KIND.nested) {
    const seen = Array.from({ length: tuples.count }, (_, row) =>
      [0, 1, 2].map((column) => valueAt(tuples, bytes, row * 3 + column)),
    );
    assert.deepEqual(
      seen,
      (b as unknown[][]).map((tuple) => [tuple[0], tuple[1], tuple[2]]),
      text,
    );
  }
  if (fields.kind[place('data')] !== KIND.nested) return;
  if (Array.isArray(data) && Array.isArray(data[0])) {
    assert.equal(looseTuples.count, data.length, text);
    return;
  }
  const objects = listOf(data);
  const names = [...KEYS, 'bids'];
  assert.equal(either.count, objects.length, text);
  for (const [row, object] of objects.entries()) {
    assert.deepEqual(objectAt(either, names, bytes, row), expectedOf(names, object), text);
    const at = row * either.width + names.indexOf('bids');
    if (either.kind[at] !== KIND.nested) continue;
    const seen = [];
    for (let level = either.from[at]; level < either.to[at]; level++)
      seen.push(objectAt(levels, ['price', 'qty'], bytes, level));
    assert.deepEqual(
      seen,
      listOf(object['bids']).map((level) => expectedOf(['price', 'qty'], level)),
      text,
    );
  }
}

/** Checks one message in both parsers; says whether the scanner took it. */
function check(message: Uint8Array): boolean {
  const bytes = Buffer.concat([Buffer.from('"{'), message, Buffer.from('}"1e')]);
  const [start, end] = [2, 2 + message.length];
  const taken = fields.scan(bytes, start, end) !== NO_MATCH;
  const text = decodeUtf8(bytes, start, end);
  if (text === undefined) {
    assert.ok(!taken, `invalid UTF-8 is accepted: ${bytes.toString('latin1')}`);
    return false;
  }
  const valid = parses(text);
  if (taken) {
    assert.ok(valid, `accepted, but JSON.parse refuses it: ${text}`);
    checkReader(bytes, JSON.parse(text) as Record<string, unknown>, text);
  }
  if (!valid) {
    assert.throws(() => parseKeepingText(text), SyntaxError, text);
    return false;
  }
  const document: unknown = JSON.parse(text);
  if (depthOf(document) <= JSON_DEPTH_MAX) {
    const kept = parseKeepingText(text);
    // comparing texts is quicker than deepEqual, and keeps the order of keys and the sign of zero apart
    assert.equal(JSON.stringify(plain(kept)), JSON.stringify(document), text);
    const loaded = fields.loadDocument(kept);
    if (taken) assert.ok(loaded, `scanned, but the document does not fit: ${text}`);
    if (loaded) checkReader(fields.bytes, document as Record<string, unknown>, text);
  }
  return taken;
}

const MATCH =
  '{"type":"match","trade_id":865127782,"maker_order_id":"5f4bb11b-f065-4025-ad53-2091b10ad2cf","side":"buy","size":"0.02934619","price":"49730.40","product_id":"BTC-USD","sequence":24179151831,"time":"2021-04-17T12:00:00.123456Z"}';
const TRADE =
  '{"stream":"btcusdt@trade","data":{"e":"trade","E":1672515782136,"s":"BTCUSDT","t":12345,"p":"0.001","q":"100","T":1672515782136,"m":true,"M":true}}';

const NESTED = [
  '{"e":"depthUpdate","E":1672515782136,"s":"BNBBTC","b":[["0.0024","10"],["0.0025","0",1]],"a":1,"k":{"t":1,"p":"2","x":[1,{"y":null}]}}',
  '{"type":"snapshot","data":[{"s":"BTC","bids":[{"price":1.50,"qty":0.10},{"qty":7,"price":2}],"t":1},{"s":"ETH","bids":[],"t":2}],"time":"x"}',
  '{"type":"update","data":{"s":"BTC","bids":[{"price":1e5,"qty":0}],"p":null},"E":3}',
  '{"type":"candle","data":[["1","2",3],["4",null],[]],"p":[{"a":1},{}],"q":true}',
  '{"type":"t","data":[{"t":1,"p":"1.5"},{"t":2,"p":"1.6"},{"t":3,"m":false}]}',
];

function samples(): string[] {
  const written = [MATCH, TRADE, ...NESTED, ...NESTED];
  const names = recordingFolders()
    .flatMap((venue) => recordings(venue))
    .filter((n) => !n.includes('hft'));
  const recorded = names
    .flatMap((name) => readMessages(name).map((m) => m.raw))
    .filter((raw) => raw.length < 600);
  return [...written, ...shuffled(randomFrom(1), recorded).slice(0, 3000)];
}

/** A message with up to three bytes flipped, deleted, inserted, repeated or moved. */
function mutate(random: (below: number) => number, message: Buffer): Buffer {
  const TELLING = Buffer.from('{}[]",:\\ \t\n0123456789.eE+-tfnu\0\u001f\u0080\u00ff', 'latin1');
  let bytes = message;
  for (let i = random(3); i >= 0; i--) {
    const at = random(bytes.length + 1);
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    const other = random(3) === 0 ? random(256) : TELLING[random(TELLING.length)];
    const act = random(5);
    if (act === 0) bytes = Buffer.concat([before, after.subarray(1 + random(3))]);
    else if (act === 1) bytes = Buffer.concat([before, Buffer.of(other), after]);
    else if (act === 2) bytes = Buffer.concat([before, Buffer.of(other), after.subarray(1)]);
    else if (act === 3) bytes = Buffer.concat([before, bytes.subarray(random(at + 1), at), after]);
    else bytes = Buffer.concat([before, Buffer.of((after[0] ?? 0) ^ (1 << random(8))), after.subarray(1)]);
  }
  return bytes;
}

describe('scanner and text-keeping parser agree with JSON.parse', () => {
  it('on documents known to divide parsers', () => {
    for (const text of REJECTED) assert.ok(!parses(text), `${text} is in the wrong list`);
    for (const text of ACCEPTED) assert.ok(parses(text), `${text} is in the wrong list`);
    for (const text of [...REJECTED, ...ACCEPTED]) check(Buffer.from(text));
    // and the same as the value of a key that is known, of one that may be nested, and of one that is not known
    for (const text of [...REJECTED, ...ACCEPTED])
      for (const key of ['type', 'p', 'data', 'b', 'k', 'other'])
        check(Buffer.from(`{"e":1,"${key}":${text},"t":2}`));
  });

  it('on recorded messages', (t) => {
    const messages = samples();
    const taken = messages.filter((message) => check(Buffer.from(message))).length;
    t.diagnostic(`${taken} of ${messages.length} taken by the scanner`);
    assert.ok(taken > 0);
  });

  it('on 200,000 broken ones', (t) => {
    const random = randomFrom(77);
    const messages = samples()
      .map((message) => Buffer.from(/^\{"stream":.*?"data":(\{.*\})\}$/s.exec(message)?.[1] ?? message))
      .filter((message) => message.length < 400 && (message.length % 8 === 0 || check(message)));
    let taken = 0;
    for (let i = 0; i < 200_000; i++) if (check(mutate(random, oneOf(random, messages)))) taken++;
    t.diagnostic(`${taken} taken by the scanner`);
    assert.ok(taken > 1000, 'some are still valid');
  });

  it('on every cut of a message', () => {
    for (const message of [MATCH, TRADE, ...NESTED].map((text) => Buffer.from(text)))
      for (let length = 0; length < message.length; length++) assert.ok(!check(message.subarray(0, length)));
  });
});

describe('scanner', () => {
  const scan = (text: string | Buffer) => {
    const bytes = Buffer.from(text as string);
    return fields.scan(bytes, 0, bytes.length);
  };
  it('takes keys in any order, with space and unknown ones', () => {
    assert.equal(scan(' {\n"price" : "1" , "zzz":null,"type"\t:"b","zzz":1} \r'), 0);
    assert.equal(fields.to[0] - fields.from[0], 1);
  });
  it('leaves escapes, keys that come twice, and structures that it has no place for, to the parser', () => {
    for (const text of [
      '{"type":"a","type":"b"}',
      '{"type":"a\\u0062"}',
      '{"ty\\u0070e":1}',
      '{"zzz":"\\n"}',
      '{"b":{}}',
      '{"k":[]}',
      '{"data":[1]}',
    ])
      assert.equal(scan(text), NO_MATCH, text);
  });
  it('passes over nested values that nobody asked for, and checks them all the same', () => {
    for (const text of ['{"zzz":{"a":[1,{"b":null}]},"type":"x"}', '{"zzz":[]}', '{"zzz":[[],{}]}'])
      assert.equal(scan(text), 0, text);
    for (const text of [
      '{"zzz":{"a":[1,{"b":nul}]}}',
      '{"zzz":[1,]}',
      '{"zzz":{"a"}}',
      '{"zzz":{,}}',
      `{"zzz":${'['.repeat(99)}${']'.repeat(99)}}`,
    ])
      assert.equal(scan(text), NO_MATCH, text);
  });
  it('leaves a known key that occurs twice to the parser', () => {
    for (const text of [
      '{"data":{},"data":{}}',
      '{"b":[],"b":[]}',
      '{"k":{},"k":1}',
      '{"k":1,"k":{}}',
      '{"type":"a","type":"b"}',
    ])
      assert.equal(scan(text), NO_MATCH, text);
  });
  it('does not take a scalar for the nested value that a shape was learned with', () => {
    const fresh = new JsonFields(['type', 'side']);
    const kinds = ['{"type":{},"side":"a"}', '{"type":"x","side":"a"}', '{"type":7,"side":"a"}'].map(
      (text) => {
        assert.equal(fresh.scan(Buffer.from(text), 0, text.length), 0, text);
        return fresh.kind[0];
      },
    );
    assert.deepEqual(kinds, [KIND.nested, KIND.string, KIND.number]);
  });
  it('takes the rows of a shape back that did not fit to the end', () => {
    for (let i = 0; i < 20; i++) {
      assert.ok(check(Buffer.from('{"b":[["1","2"]],"type":"x"}')));
      assert.ok(check(Buffer.from('{"b":[["1","2"]],"type":1}')));
      assert.ok(check(Buffer.from('{"b":[["1","2"],["3","4"]],"e":1}')));
      assert.ok(check(Buffer.from('{"data":[{"bids":[{"price":1}],"s":"a"},{"bids":[{"price":2}],"s":1}]}')));
    }
  });
  it('learns nothing from text that is not UTF-8: the same bytes are refused each time', () => {
    for (const text of ['{"pr\xe9ce":1,"type":"x"}', '{"data":[{"pr\xe9ce":1,"s":"x"}],"type":"x"}'])
      for (let i = 0; i < 3; i++) assert.equal(scan(Buffer.from(text, 'latin1')), NO_MATCH, text);
  });
  it('refuses text that is not UTF-8, in known and unknown places', () => {
    for (const bad of [
      [0x80],
      [0xc0, 0x80],
      [0xed, 0xa0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0xe4, 0xb8],
      [0xff],
    ]) {
      for (const key of ['type', 'zzz'])
        assert.equal(
          scan(Buffer.concat([Buffer.from(`{"${key}":"`), Buffer.from(bad), Buffer.from('"}')])),
          NO_MATCH,
        );
    }
    assert.equal(scan('{"type":"币安"}'), 0);
  });
  it('fills the same fields from a document, however long its texts', () => {
    const long = 'x'.repeat(100_000);
    fields.loadDocument(
      JSON.parse(`{"type":"${long}","product_id":"币","trade_id":12,"price":null,"side":true}`),
    );
    const texts = ['type', 'product_id', 'trade_id'].map((key) => {
      const at = KEYS.indexOf(key);
      return Buffer.from(fields.bytes).toString('utf8', fields.from[at], fields.to[at]);
    });
    assert.deepEqual(texts, [long, '币', '12']);
    assert.equal(fields.kind[KEYS.indexOf('size')], KIND.absent);
    assert.equal(fields.kind[KEYS.indexOf('price')], KIND.null);
  });
  it('takes nothing from the prototype of a document', () => {
    const inherited = new JsonFields(['constructor', 'toString', '__proto__']);
    inherited.loadDocument({});
    assert.deepEqual([...inherited.kind.subarray(0, 3)], [KIND.absent, KIND.absent, KIND.absent]);
  });
});

describe('text-keeping parser', () => {
  it('keeps the text of every number', () => {
    const texts = [
      '18446744073709551615',
      '1.10',
      '-0',
      '1e5',
      '0.00000001',
      '123456789012345678901234567890.50',
    ];
    assert.deepEqual(
      parseKeepingText(`[${texts.join(' , ')}]`),
      texts.map((text) => new JsonNumber(text)),
    );
  });
  it('follows nesting to its limit and refuses what is deeper, at once and without a stack', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    assert.ok(Array.isArray(parseKeepingText(nested(JSON_DEPTH_MAX))));
    assert.throws(() => parseKeepingText(nested(JSON_DEPTH_MAX + 1)), SyntaxError);
    assert.throws(() => parseKeepingText('['.repeat(2_000_000)), SyntaxError);
    assert.throws(() => parseKeepingText('{"a":'.repeat(500_000)), SyntaxError);
  });
  it('does not use a key as a prototype', () => {
    const document = parseKeepingText('{"__proto__":{"polluted":1},"a":{"constructor":{"prototype":2}}}');
    assert.equal(Object.getPrototypeOf(document), null);
    assert.deepEqual(Object.keys(document as object), ['__proto__', 'a']);
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  });
  it('takes huge strings, also ones made of escapes', () => {
    const text = `"${'\\n\\"\\\\'.repeat(1_500_000)}"`;
    assert.equal((parseKeepingText(text) as string).length, 4_500_000);
    assert.throws(() => parseKeepingText(`"${'\\\\'.repeat(1_000_000)}\\"`), SyntaxError);
  });
});

describe('the optional parser', () => {
  it('is there, so that the tests of every exchange include it', { skip: simdjsonMissing() }, () => {
    assert.deepEqual(createJsonParser('simdjson')('{"a":[1.50]}'), createJsonParser('json')('{"a":[1.50]}'));
  });
});

describe('alternatives', () => {
  it('give numbers back as they were sent', () => {
    const text = '{"id":9007199254740993,"a":[1.10,-0,1e5,7],"t":"10:00:00.5","n": 12}';
    const kept = parseKeepingText(text);
    assert.deepEqual(createJsonParser('json')(text), kept);
    const quick = '{"id":12,"time":"2026-11-21T10:20:30.500Z"}';
    assert.deepEqual(
      createJsonParser('json')(quick),
      JSON.parse(quick),
      'JSON.parse itself where that is exact',
    );
  });
});
