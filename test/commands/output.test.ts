/** A standard output that cannot be written: one line and a status, for every command that prints. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXIT } from '../../src/base/errors.js';
import { fileWith } from '../config/fixtures.js';
import { dataDirectory, trade, writeTableDay } from '../store/column_writer.js';
import { CLI, ENV, logger } from './run_logger.js';

test('a full disk under the standard output is one line and status 74', (t) => {
  const data = dataDirectory(t);
  writeTableDay(data, { table: 'TRADES' }, [trade(1), trade(2)]);
  const full = openSync('/dev/full', 'w');
  t.after(() => closeSync(full));
  for (const args of [
    ['--help'],
    ['--version'],
    ['run', '--help'],
    ['read', 'coinbase', 'BTC-USD', 'TRADES', '--data', data],
    ['verify', '--data', data],
    ['recover', '--dry-run', '--data', data],
    ['symbols', 'list'],
    ['check-config'],
    ['check-config', '--print-default'],
    ['simulate', '--exchanges', 'upbit', '--symbols', '1', '--quiet'],
  ]) {
    const { status, stderr } = logger(args, { stdout: full });
    assert.equal(status, EXIT.ioError, args.join(' '));
    assert.match(stderr, /^logger: the standard output cannot be written: ENOSPC: [^\n]+\n$/, args.join(' '));
  }
});

test('log lines that cannot be written end no capture', (t) => {
  const data = join(dataDirectory(t), 'data');
  const config = fileWith(
    `[logger]\ndata_path = ${JSON.stringify(data)}\n[http]\nport = 0\n[exchanges.coinbase]\nenabled = false\n` +
      '[exchanges.binance]\nws_endpoint = "ws://127.0.0.1:9"\nrest_endpoint = "http://127.0.0.1:9"\nsymbols = ["A"]\n',
  );
  const full = openSync('/dev/full', 'w');
  t.after(() => closeSync(full));
  const { status, stderr } = logger(['run', '--config', config, '--seconds', '0.1'], { stdout: full });
  assert.equal(status, EXIT.ok, stderr);
  assert.match(stderr, /^logger: log lines cannot be written: ENOSPC: [^\n]+\n$/);
});

test('a reader that goes away ends a server in order and quietly', async () => {
  const args = [CLI, 'simulate', '--exchanges', 'upbit', '--symbols', '1', '--quiet'];
  const child = spawn(process.execPath, args, { env: ENV, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let stderr = '';
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const [status] = await once(child, 'close');
  assert.deepEqual([status, stderr], [EXIT.ok, '']);
});
