/** The frame reader alone: frames written by hand, cut everywhere, refused now and then. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FRAME_CARRY_BYTES, SOCKET_CHUNK_BYTES } from '../../../../src/base/limits.js';
import { FrameReader } from '../../../../src/feed/connection/websocket/frames.js';
import { eventsOf, frame, MIB, RecordingReader, randomFrom, randomPieces, textOf } from './helpers.js';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const z = (length: number) => '61'.repeat(length);
const digestOfText = (text: string) => eventsOf([frame(1, text)])[0].slice('text '.length);
const digestOf = (length: number) => digestOfText('a'.repeat(length));

/** name, frames in hex as a server sends them, what a reader with a limit of 100,000 bytes tells */
const TABLE: [string, string, string[]][] = [
  ['text', '81 05 48656c6c6f', ['text 48656c6c6f']],
  ['binary', '82 03 00ff80', ['binary 00ff80']],
  ['empty text', '81 00', ['text ']],
  ['empty binary, then text', '82 00 81 01 61', ['binary ', 'text 61']],
  ['125 bytes', `81 7d ${z(125)}`, [`text ${digestOf(125)}`]],
  ['126 bytes', `81 7e 007e ${z(126)}`, [`text ${digestOf(126)}`]],
  ['65535 bytes', `81 7e ffff ${z(65_535)}`, [`text ${digestOf(65_535)}`]],
  ['65536 bytes', `81 7f 0000000000010000 ${z(65_536)}`, [`text ${digestOf(65_536)}`]],
  ['exactly the limit', `81 7f 00000000000186a0 ${z(100_000)}`, [`text ${digestOf(100_000)}`]],
  ['ping, empty ping, pong', '89 02 6869 89 00 8a 01 78', ['ping 6869', 'ping ', 'pong 78']],
  ['ping of 125 bytes', `89 7d ${z(125)}`, [`ping ${digestOf(125)}`]],
  ['fragments', '01 01 61 00 01 62 80 01 63', ['text 616263']],
  ['binary fragments', '02 01 61 80 01 63', ['binary 6163']],
  ['empty fragments', '01 00 00 00 00 01 61 00 00 80 00', ['text 61']],
  ['only empty fragments', '01 00 80 00 81 01 61', ['text ', 'text 61']],
  ['controls between fragments', '01 01 61 89 01 70 00 01 62 8a 00 80 00', ['ping 70', 'pong ', 'text 6162']],
  ['close within fragments', '01 01 61 88 02 03e8 80 01 62', ['close 1000 ']],
  ['close without a code', '88 00', ['close 1005 ']],
  ['close with a reason', '88 05 03e9 627965', ['close 1001 bye']],
  ['nothing after a close', '88 00 81 01 61 ff ff', ['close 1005 ']],
  ['close 4999', '88 02 1387', ['close 4999 ']],
  ['close 3000, reason of 123 bytes', `88 7d 0bb8 ${z(123)}`, [`close 3000 ${'a'.repeat(123)}`]],
  ['RSV1, which would be compression', '81 00 c1 01 61', ['text ', 'fail 1002']],
  ['RSV2', 'a1 00', ['fail 1002']],
  ['RSV3', '91 00', ['fail 1002']],
  ['RSV1 on a control frame', 'c9 00', ['fail 1002']],
  ['RSV1 on a continuation', '01 00 c0 00', ['fail 1002']],
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode): [string, string, string[]] => [
    `reserved opcode ${opcode}`,
    `8${opcode.toString(16)} 00`,
    ['fail 1002'],
  ]),
  ['masked', '81 81 00000000 61', ['fail 1002']],
  ['masked and empty', '81 80 00000000', ['fail 1002']],
  ['masked 126', '81 fe', ['fail 1002']],
  ['masked 127', '81 ff', ['fail 1002']],
  ['masked ping', '89 80', ['fail 1002']],
  ['fragmented ping', '09 00', ['fail 1002']],
  ['fragmented close', '08 00', ['fail 1002']],
  ['ping of 126 bytes', `89 7e 007e ${z(126)}`, ['fail 1002']],
  ['pong with a 64-bit length', '8a 7f', ['fail 1002']],
  ['16-bit length of 125', `81 7e 007d ${z(125)}`, ['fail 1002']],
  ['16-bit length of 0', '81 7e 0000', ['fail 1002']],
  ['64-bit length of 65535', '81 7f 000000000000ffff', ['fail 1002']],
  ['64-bit length of 1', '81 7f 0000000000000001 61', ['fail 1002']],
  ['a byte over the limit', '81 7f 00000000000186a1', ['fail 1009']],
  ['2^31', '81 7f 0000000080000000', ['fail 1009']],
  ['2^32 - 1', '81 7f 00000000ffffffff', ['fail 1009']],
  ['2^32', '81 7f 0000000100000000', ['fail 1009']],
  ['2^53', '81 7f 0020000000000000', ['fail 1009']],
  ['2^63', '81 7f 8000000000000000', ['fail 1002']],
  ['fragments over the limit together', `01 7e fde8 ${z(65_000)} 80 7e 88b9`, ['fail 1009']],
  [
    'fragments of exactly the limit',
    `01 7e fde8 ${z(65_000)} 80 7e 88b8 ${z(35_000)}`,
    [`text ${digestOf(100_000)}`],
  ],
  ['continuation first', '80 01 61', ['fail 1002']],
  ['continuation after a whole message', '81 00 80 00', ['text ', 'fail 1002']],
  ['unfinished continuation first', '00 01 61', ['fail 1002']],
  ['new text within fragments', '01 01 61 81 01 62', ['fail 1002']],
  ['new binary within fragments', '01 01 61 02 01 62', ['fail 1002']],
  ['close of one byte', '88 01 03', ['fail 1002']],
  ['close reason not UTF-8', '88 04 03e8 c328', ['fail 1007']],
  ['close reason cut in a character', '88 04 03e8 e282', ['fail 1007']],
  ...[0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535].map(
    (code): [string, string, string[]] => [
      `close code ${code}`,
      `88 02 ${code.toString(16).padStart(4, '0')}`,
      ['fail 1002'],
    ],
  ),
  ...[1000, 1001, 1002, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 4000].map(
    (code): [string, string, string[]] => [
      `close code ${code}`,
      `88 02 ${code.toString(16).padStart(4, '0')}`,
      [`close ${code} `],
    ],
  ),
  ['half a header', '81', []],
  ['half a length', '81 7f 00000000', []],
  ['half a payload', '81 05 4865', []],
  ['half a ping', '89 05 4865', []],
];

for (const [name, text, expected] of TABLE) {
  test(`frame: ${name}`, () => {
    const bytes = hex(text);
    assert.deepEqual(eventsOf([bytes], 100_000), expected);
    const split = [...bytes.subarray(0, 300)].map((byte) => Buffer.of(byte));
    assert.deepEqual(eventsOf([...split, bytes.subarray(300)], 100_000), expected, 'byte by byte');
  });
}

test('a message may have as many fragments as its bytes allow', () => {
  const fragments = (count: number, text: string) =>
    Buffer.concat([frame(1, 'a', false), ...Array(count).fill(frame(0, text, false)), frame(0, 'z')]);
  assert.deepEqual(eventsOf([fragments(50_000, '')]), ['text 617a']);
  assert.deepEqual(eventsOf([fragments(998, 'b')], 1000), [`text ${digestOfText(`a${'b'.repeat(998)}z`)}`]);
  assert.deepEqual(eventsOf([fragments(999, 'b')], 1000), ['fail 1009']);
});

test('an unfinished message has one number for as long as it is the same, and others have others', () => {
  const recording = new RecordingReader();
  const { reader } = recording;
  const numbersOf = (pieces: readonly Buffer[]) =>
    pieces.map((piece) => {
      recording.push(piece);
      return reader.unfinishedMessage;
    });
  /** The same message byte by byte, and whether its number stays. */
  const dripped = (bytes: Buffer) => {
    const numbers = numbersOf([...bytes].map((byte) => Buffer.of(byte)));
    assert.equal(numbers.pop(), 0);
    return new Set(numbers).size;
  };
  assert.equal(reader.unfinishedMessage, 0);
  assert.equal(dripped(frame(1, textOf(100))), 1);
  assert.equal(dripped(frame(9, 'ping')), 1);
  const fragments = [frame(1, 'a', false), frame(9, 'p'), frame(0, 'b', false), frame(0, 'c')];
  // the header of the first alone is not known to be one
  assert.ok(dripped(Buffer.concat(fragments)) <= 2);
  // longer than what is carried: from then on it is assembled
  assert.ok(dripped(frame(1, textOf(FRAME_CARRY_BYTES + 100))) <= 2);
  // each chunk ends within another message
  const stream = Buffer.concat(Array(20).fill(frame(1, textOf(90))));
  const chunks = Array.from({ length: 10 }, (_, n) => stream.subarray(n * 150, (n + 1) * 150));
  const numbers = numbersOf(chunks).filter((number) => number !== 0);
  assert.equal(new Set(numbers).size, numbers.length);
  assert.ok(numbers.length > 5);
});

/** every kind of frame, short enough to cut everywhere */
function shortStream(): Buffer {
  return Buffer.concat([
    frame(1, 'Hello'),
    frame(1, ''),
    frame(2, textOf(125)),
    frame(9, 'are you there'),
    frame(1, textOf(126)),
    frame(1, 'first ', false),
    frame(10, ''),
    frame(0, textOf(130), false),
    frame(9, textOf(125)),
    frame(0, ''),
    frame(1, textOf(300)),
    frame(2, '', false),
    frame(0, 'x'),
    frame(1, textOf(127)),
    frame(8, Buffer.from([0x03, 0xe8, 0x62, 0x79, 0x65])),
    frame(1, 'not to be read'),
  ]);
}

/** every way a message can lie over chunks: carried, assembled, fragmented and both */
function longStream(): { bytes: Buffer; starts: number[] } {
  const lengths = [
    10,
    65_535,
    65_536,
    158,
    FRAME_CARRY_BYTES - 4,
    FRAME_CARRY_BYTES,
    FRAME_CARRY_BYTES + 1,
    20_000,
    SOCKET_CHUNK_BYTES - 4,
    SOCKET_CHUNK_BYTES + FRAME_CARRY_BYTES,
    300_000,
    0,
    125,
  ];
  const frames = lengths.map((length, i) => frame(1 + (i & 1), textOf(length)));
  frames.push(frame(1, textOf(50_000), false), frame(9, 'p'), frame(0, textOf(70_000), false));
  frames.push(frame(0, '', false), frame(0, textOf(17_000)), frame(1, 'end'));
  const starts: number[] = [];
  let at = 0;
  for (const { length } of frames) {
    starts.push(at);
    at += length;
  }
  return { bytes: Buffer.concat(frames), starts };
}

test('a stream cut at every byte tells the same', () => {
  const bytes = shortStream();
  const expected = eventsOf([bytes]);
  assert.equal(expected.length, 12);
  assert.equal(expected.at(-1), 'close 1000 bye');
  for (let at = 1; at < bytes.length; at++) {
    assert.deepEqual(eventsOf([bytes.subarray(0, at), bytes.subarray(at)]), expected, `cut at ${at}`);
  }
  assert.deepEqual(eventsOf(randomPieces(bytes, () => 0, 1)), expected, 'byte by byte');
});

test('long messages cut around every header, byte by byte and at random tell the same', () => {
  const { bytes, starts } = longStream();
  const expected = eventsOf([bytes]);
  assert.equal(expected.length, 16);
  for (const start of starts) {
    for (let at = Math.max(1, start - 3); at < start + 14 && at < bytes.length; at++) {
      assert.deepEqual(eventsOf([bytes.subarray(0, at), bytes.subarray(at)]), expected, `cut at ${at}`);
    }
  }
  assert.deepEqual(eventsOf(randomPieces(bytes, () => 0, 1)), expected, 'byte by byte');
  for (let seed = 1; seed <= 60; seed++) {
    const random = randomFrom(seed);
    const pieces = randomPieces(bytes, random, [7, 1460, 16_384, 65_536][seed & 3] * 2);
    assert.deepEqual(eventsOf(pieces), expected, `seed ${seed}`);
  }
});

test('refused messages come again, in order and once, whatever arrives meanwhile', () => {
  const bytes = Buffer.concat([longStream().bytes, shortStream()]);
  const expected = eventsOf([bytes]);
  for (let seed = 1; seed <= 80; seed++) {
    const random = randomFrom(seed);
    const recording = new RecordingReader();
    recording.refuse = () => random(3) === 0;
    for (const piece of randomPieces(bytes, random, [50, 3000, 16_384, 65_536][seed & 3])) {
      recording.push(piece);
      // sometimes several pieces arrive before it goes on, as they do over TLS
      while (random(4) !== 0 && !recording.reader.resume());
    }
    while (!recording.reader.resume());
    assert.deepEqual(recording.events, expected, `seed ${seed}`);
  }
});

test('a refusing handler is asked again only by resume()', () => {
  const recording = new RecordingReader();
  let offers = 0;
  recording.refuse = () => ++offers > 0;
  assert.equal(recording.push(Buffer.concat([frame(1, 'a'), frame(1, 'b')])), false);
  assert.equal(recording.push(frame(1, 'c')), false);
  assert.equal(offers, 1);
  assert.equal(recording.reader.resume(), false);
  assert.equal(offers, 2);
  recording.refuse = () => false;
  assert.equal(recording.reader.resume(), true);
  assert.equal(recording.reader.resume(), true);
  assert.deepEqual(recording.events, ['text 61', 'text 62', 'text 63']);
});

test('stop() within a handler ends the walk, whatever the handler returns', () => {
  for (const returned of [true, false]) {
    let offers = 0;
    const reader: FrameReader = new FrameReader(
      {
        onMessage: () => {
          offers++;
          reader.stop();
          return returned;
        },
        onPing: () => assert.fail('read on'),
        onPong: () => assert.fail('read on'),
        onClose: () => assert.fail('read on'),
        onFail: () => assert.fail('read on'),
      },
      1000,
    );
    const bytes = Buffer.concat([
      frame(1, 'a', false),
      frame(0, 'a'),
      frame(1, 'b'),
      frame(9, ''),
      frame(3, ''),
    ]);
    bytes.copy(reader.chunk);
    assert.equal(reader.push(0, bytes.length), true);
    assert.equal(reader.push(0, bytes.length), true);
    assert.equal(reader.resume(), true);
    assert.equal(offers, 1);
  }
});

test('frames may begin anywhere in the first chunk, behind the answer to the upgrade', () => {
  const recording = new RecordingReader();
  const bytes = frame(1, 'Hello');
  bytes.copy(recording.reader.chunk, 129);
  assert.equal(recording.reader.push(129, 129 + 4), true);
  assert.equal(recording.reader.unfinished, true);
  recording.push(bytes.subarray(4));
  assert.deepEqual(recording.events, ['text 48656c6c6f']);
  assert.equal(recording.reader.unfinished, false);
});

test('a length that is only claimed takes no memory', () => {
  const header = Buffer.from([0x81, 127, 0, 0, 0, 0, 0x01, 0, 0, 0]);
  const before = process.memoryUsage().arrayBuffers;
  const readers = Array.from({ length: 20 }, () => {
    const recording = new RecordingReader();
    recording.push(Buffer.concat([header, Buffer.alloc(FRAME_CARRY_BYTES)]));
    return recording;
  });
  assert.ok(process.memoryUsage().arrayBuffers - before < 20 * MIB);
  assert.ok(readers.every(({ reader, events }) => reader.unfinished && events.length === 0));
});
