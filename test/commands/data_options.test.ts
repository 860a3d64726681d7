/** Which data directory, configuration and symbol file a command means, in any working directory. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXIT } from '../../src/base/errors.js';
import { dataDirectory, trade, writeTableDay } from '../store/column_writer.js';
import { logger } from './run_logger.js';

const READ = ['read', 'coinbase', 'BTC-USD', 'TRADES', '--columns', 'trade_id', '--format', 'csv'];
const LOOKING = [READ, ['verify'], ['verify', '--json'], ['recover', '--dry-run'], ['recover']];

test('a path that is no data directory is refused by every command that looks at one', (t) => {
  const root = dataDirectory(t);
  const at = (name: string) => join(root, name);
  mkdirSync(at('empty'));
  mkdirSync(join(at('foreign'), 'journal'), { recursive: true });
  mkdirSync(join(at('foreign'), 'coinbase', 'BTC-USD'), { recursive: true });
  writeFileSync(at('file'), '');
  const advice = 'name the right one with --data or --config';
  for (const [name, what] of [
    ['missing', `no data directory ${at('missing')}`],
    ['empty', `nothing was captured into ${at('empty')}: it is empty`],
    [
      'foreign',
      `${at('foreign')} is no data directory: it holds neither a journal nor tables of an exchange`,
    ],
    ['file', `${at('file')} is no directory`],
  ] as const) {
    for (const args of LOOKING) {
      assert.deepEqual(
        logger([...args, '--data', at(name)]),
        { status: EXIT.failed, stdout: '', stderr: `logger: ${what}; ${advice}\n` },
        args.join(' '),
      );
    }
  }
  assert.ok(!existsSync(at('missing')), 'nothing is made by looking');
  assert.deepEqual(readdirSync(at('empty')), []);
});

test('data_path of the configuration counts, --data before it', (t) => {
  const root = dataDirectory(t);
  for (const [id, name] of ['data', 'configured', 'named', 'given'].entries())
    writeTableDay(join(root, name), { table: 'TRADES' }, [trade(id)]);
  const read = (args: readonly string[], env = {}) => {
    const { stdout, stderr } = logger([...READ, ...args], { cwd: root, env });
    assert.equal(stderr, '');
    return Number(stdout.split('\n')[1]);
  };
  assert.equal(read([]), 0, 'the default without a configuration');
  writeFileSync(join(root, 'logger.toml'), '[logger]\ndata_path = "configured"\n');
  writeFileSync(join(root, 'other.toml'), '[logger]\ndata_path = "named"\n');
  assert.equal(read([]), 1);
  assert.equal(read(['--config', 'other.toml']), 2);
  assert.equal(read([], { LOGGER__LOGGER__DATA_PATH: 'given' }), 3);
  assert.equal(read(['--config', 'other.toml', '--data', 'given']), 3);
  for (const args of LOOKING.slice(1))
    assert.equal(logger([...args, '-c', 'other.toml'], { cwd: root }).status, EXIT.ok, args.join(' '));
  for (const args of LOOKING) {
    const { status, stderr } = logger([...args, '-c', 'none.toml'], { cwd: root });
    assert.deepEqual([status, stderr.split(';')[0]], [EXIT.usage, 'logger: none.toml: no such file']);
  }
  writeFileSync(join(root, 'logger.toml'), '[logger]\ndata_paht = "configured"\n');
  assert.match(logger(['verify'], { cwd: root }).stderr, /did you mean logger\.data_path\?\n$/);
  assert.equal(read(['--data', 'data']), 0, 'what is not needed is not read');
});

test('symbols works in any folder, and takes the symbol file that a capture there would take', (t) => {
  const root = dataDirectory(t);
  const normalize = (native: string, ...more: string[]) =>
    logger(['symbols', 'normalize', 'kraken', native, ...more], { cwd: root });
  assert.equal(normalize('XBT/USD').stdout, 'BTC-USD\n', 'the file that comes with the program');
  const mapping = (base: string) =>
    `exchanges: [kraken]\nequivalence: {}\nmappings:\n` +
    `  - { normalized: ${base}-USD, base: ${base}, quote: USD, quote_type: fiat, kraken: X/USD }\n`;
  for (const name of ['symbol_mappings', 'configured', 'given'])
    writeFileSync(join(root, `${name}.yaml`), mapping(name.toUpperCase().replace('_', '')));
  assert.equal(normalize('X/USD').stdout, 'SYMBOLMAPPINGS-USD\n', normalize('X/USD').stderr);
  writeFileSync(join(root, 'other.toml'), '[logger]\nsymbol_file = "configured.yaml"\n');
  assert.equal(normalize('X/USD', '-c', 'other.toml').stdout, 'CONFIGURED-USD\n');
  assert.equal(normalize('X/USD', '-c', 'other.toml', '--file', 'given.yaml').stdout, 'GIVEN-USD\n');
  assert.equal(normalize('X/USD', '-c', 'none.toml').status, EXIT.usage);
  for (const args of [['list'], ['related', 'CONFIGURED', 'USD'], ['usd-pairs', 'CONFIGURED']]) {
    const { stdout } = logger(['symbols', ...args, '-c', 'other.toml'], { cwd: root });
    assert.match(stdout, /^CONFIGURED-USD/);
  }
});
