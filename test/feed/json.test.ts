/**
 * The byte scanner and the text-keeping parser against JSON.parse: on recorded messages, on documents that are known
 * to divide parsers, and on a great many broken ones. The scanner may say that a message is unfamiliar; what it
 * accepts must be what JSON.parse accepts, with the same values.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JSON_DEPTH_MAX } from '../../src/base/limits.js';
import { JsonFields, JsonNumber, KIND, UNFAMILIAR } from '../../src/feed/fields.js';
import { createJsonParser, decodeUtf8, parseKeepingText } from '../../src/feed/json.js';
import { corpusMissing, readMessages, recordings } from '../support/corpus.js';
import { oneOf, randomFrom, shuffled } from '../support/random.js';

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

const fields = new JsonFields(KEYS, ['p']);

/** Checks one message in both parsers; says whether the scanner took it. */
function check(message: Uint8Array): boolean {
  const bytes = Buffer.concat([Buffer.from('"{'), message, Buffer.from('}"1e')]);
  const [start, end] = [2, 2 + message.length];
  const count = fields.scan(bytes, start, end);
  const text = decodeUtf8(bytes, start, end);
  if (text === undefined) {
    assert.equal(count, UNFAMILIAR, `invalid UTF-8 is accepted: ${bytes.toString('latin1')}`);
    return false;
  }
  const valid = parses(text);
  if (count !== UNFAMILIAR) checkFields(bytes, text, count);
  if (!valid) {
    assert.throws(() => parseKeepingText(text), SyntaxError, text);
    return false;
  }
  const document: unknown = JSON.parse(text);
  if (depthOf(document) <= JSON_DEPTH_MAX) {
    const kept = plain(parseKeepingText(text));
    // comparing texts is quicker than deepEqual, and keeps the order of keys and the sign of zero apart
    assert.equal(JSON.stringify(kept), JSON.stringify(document), text);
  }
  return count !== UNFAMILIAR;
}

function checkFields(bytes: Buffer, text: string, count: number): void {
  const nested = fields.kind[KEYS.indexOf('p')] === KIND.nested;
  // the inside of a nested value is for the caller to check: it stands for any value here
  if (nested && !parses(text)) {
    const at = KEYS.indexOf('p');
    const [from, to] = [fields.from[at], fields.to[at]];
    const rest = Buffer.concat([
      bytes.subarray(2, from),
      Buffer.from('0'),
      bytes.subarray(to, bytes.length - 4),
    ]);
    assert.ok(parses(rest.toString()), `accepted, but JSON.parse refuses it: ${text}`);
    return;
  }
  assert.ok(parses(text), `accepted, but JSON.parse refuses it: ${text}`);
  const document = JSON.parse(text) as Record<string, unknown>;
  assert.ok(count >= Object.keys(document).length);
  KEYS.forEach((key, field) => {
    const value = bytes.toString('utf8', fields.from[field], fields.to[field]);
    const expected = Object.hasOwn(document, key) ? document[key] : undefined;
    const kind = fields.kind[field];
    if (expected === undefined) assert.equal(kind, KIND.absent, text);
    else if (typeof expected === 'string') assert.deepEqual([kind, value], [KIND.string, expected], text);
    else if (typeof expected === 'number') {
      assert.equal(kind, KIND.number, text);
      assert.ok(Object.is(JSON.parse(value), expected), text);
    } else if (expected === null) assert.equal(kind, KIND.null, text);
    else if (typeof expected === 'boolean') assert.equal(kind, expected ? KIND.true : KIND.false, text);
    else assert.equal(kind, KIND.nested, text);
  });
}

const MATCH =
  '{"type":"match","trade_id":865127782,"maker_order_id":"5f4bb11b-f065-4025-ad53-2091b10ad2cf","side":"buy","size":"0.02934619","price":"49730.40","product_id":"BTC-USD","sequence":24179151831,"time":"2021-04-17T12:00:00.123456Z"}';
const TRADE =
  '{"stream":"btcusdt@trade","data":{"e":"trade","E":1672515782136,"s":"BTCUSDT","t":12345,"p":"0.001","q":"100","T":1672515782136,"m":true,"M":true}}';

function samples(): string[] {
  if (corpusMissing !== false) return [MATCH, TRADE];
  const names = [...recordings('coinbase'), ...recordings('binance-spot')].filter((n) => !n.includes('hft'));
  const recorded = names
    .flatMap((name) => readMessages(name).map((m) => m.raw))
    .filter((raw) => raw.length < 600);
  return [MATCH, TRADE, ...shuffled(randomFrom(1), recorded).slice(0, 3000)];
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
      for (const key of ['type', 'p', 'other']) check(Buffer.from(`{"e":1,"${key}":${text},"t":2}`));
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
    for (const message of [MATCH, TRADE].map((text) => Buffer.from(text)))
      for (let length = 0; length < message.length; length++) assert.ok(!check(message.subarray(0, length)));
  });
});

describe('scanner', () => {
  const scan = (text: string | Buffer) => {
    const bytes = Buffer.from(text as string);
    return fields.scan(bytes, 0, bytes.length);
  };
  it('takes keys in any order, with space, repeated and unknown ones', () => {
    assert.equal(scan(' {\n"price" : "1" , "zzz":null,"type"\t:"a","type":"b"} \r'), 4);
    assert.equal(fields.to[0] - fields.from[0], 1);
  });
  it('leaves escapes and unknown nested values to the parser', () => {
    for (const text of [
      '{"type":"a\\u0062"}',
      '{"ty\\u0070e":1}',
      '{"zzz":{}}',
      '{"zzz":[1]}',
      '{"type":{}}',
    ])
      assert.equal(scan(text), UNFAMILIAR, text);
  });
  it('does not let a later value hide a nested one that nobody has read', () => {
    for (const text of ['{"p":[},"p":{}}', '{"p":[},"p":1}', '{"p":{],"p":null}'])
      assert.equal(scan(text), UNFAMILIAR, text);
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
          UNFAMILIAR,
        );
    }
    assert.equal(scan('{"type":"币安"}'), 1);
  });
  it('fills the same fields from a document, however long its texts', () => {
    const long = 'x'.repeat(100_000);
    fields.load(JSON.parse(`{"type":"${long}","product_id":"币","trade_id":12,"price":null,"side":true}`));
    const texts = ['type', 'product_id', 'trade_id'].map((key) => {
      const at = KEYS.indexOf(key);
      return Buffer.from(fields.scratch).toString('utf8', fields.from[at], fields.to[at]);
    });
    assert.deepEqual(texts, [long, '币', '12']);
    assert.equal(fields.kind[KEYS.indexOf('size')], KIND.absent);
    assert.equal(fields.kind[KEYS.indexOf('price')], KIND.null);
  });
  it('takes nothing from the prototype of a document', () => {
    const inherited = new JsonFields(['constructor', 'toString', '__proto__']);
    inherited.load({});
    assert.deepEqual([...inherited.kind], [KIND.absent, KIND.absent, KIND.absent]);
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
