/** Log lines on a terminal: one line each, with date, level and what it is about in front of the text. */
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import pino from 'pino';
import { prettyLog } from '../../src/commands/capture.js';

test('a line for people begins with date and time, level, and the thread, connection or exchange', () => {
  const out = new PassThrough({ encoding: 'utf8' });
  const log = pino({ base: undefined }, prettyLog(out));
  log.info({ connection: 'kraken-1' }, 'subscribed to 12 symbols');
  log.warn({ shard: 2, reason: 'exit 1' }, 'a shard thread has ended');
  log.error({ exchange: 'upbit' }, 'symbols stay as they are: no answer');
  log.fatal('the disk is gone');
  const lines = String(out.read()).trimEnd().split('\n');
  const texts = lines.map(
    (line) => /^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [+-]\d{4}\] (.*)$/.exec(line)?.[1],
  );
  assert.deepEqual(texts, [
    'INFO: kraken-1 subscribed to 12 symbols',
    'WARN: shard-2 a shard thread has ended reason="exit 1"',
    'ERROR: upbit symbols stay as they are: no answer',
    'FATAL: the disk is gone',
  ]);
});

test('what an exchange says cannot begin a line of its own, nor move the cursor', () => {
  const out = new PassThrough({ encoding: 'utf8' });
  const log = pino({ base: undefined }, prettyLog(out));
  const forged =
    'the exchange says: no\n[2026-01-01 00:00:00.000 +0000] FATAL: gone\r\x1b[2J\x7f\x9b\u2028\u202e';
  log.warn({ exchange: 'okx\n', reason: 'a\x9b\u2028b' }, forged);
  const text = String(out.read());
  assert.equal(text.split('\n').length, 2, text);
  assert.ok(
    text.endsWith(
      String.raw`okx\n the exchange says: no\n[2026-01-01 00:00:00.000 +0000] FATAL: gone\r\u001b[2J\u007f\u009b\u2028\u202e reason="a\u009b\u2028b"` +
        '\n',
    ),
    text,
  );
});
