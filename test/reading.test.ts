/**
 * The page about reading tells the truth: its Python runs, and plain Python agrees with what the files hold. What
 * needs numpy or pandas or DuckDB is skipped where they are not installed.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createCounters } from '../src/counters/counters.js';
import { SEALER_COUNTERS } from '../src/counters/declarations.js';
import { FLAGS } from '../src/schema/flags.js';
import { TABLES } from '../src/schema/tables.js';
import { DiskIo } from '../src/store/disk/io.js';
import { readColumns, tableDayAt } from '../src/store/read/reader.js';
import { Sealer } from '../src/store/seal/sealer.js';
import { dataDirectory, STAMP, trade, writeTableDay } from './store/column_writer.js';

const page = readFileSync('READING.md', 'utf8');
const snippets = [...page.matchAll(/```python\n([\s\S]*?)```/g)].map((match) => match[1]!);

function python(source: string, args: readonly string[] = []): string {
  const { status, stdout, stderr } = spawnSync('python3', ['-c', source, ...args], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout;
}

function lacks(...modules: string[]): string | false {
  const missing = ['sys', ...modules].filter(
    (name) => spawnSync('python3', ['-c', `import ${name}`]).status !== 0,
  );
  return missing.length > 0 && `python3 with ${modules.join(', ') || 'nothing more'} is not installed here`;
}

const texts = ['131072.01', '0.00000001', '9999999999999999999', '15.0000', '42', '0.9999999999999999999'];

function writeTrades(root: string): string {
  const rows = texts.map((text, i) =>
    trade(2n ** 64n - 10n + BigInt(i), text, '0.5', { flags: i === 1 ? 16 : 0 }),
  );
  const directory = writeTableDay(root, { table: 'TRADES' }, rows);
  // as if the logger were writing: two columns are ahead, one of them by half a value
  appendFileSync(join(directory, `trade_id.${STAMP}.bin`), Buffer.alloc(8));
  appendFileSync(join(directory, `trade_price.${STAMP}.bin`), Buffer.alloc(6));
  return directory;
}

test('plain python reads what the reader reads', { skip: lacks() }, (t) => {
  const directory = writeTrades(dataDirectory(t));
  const table = TABLES.find((one) => one.name === 'TRADES')!;
  const tableDay = tableDayAt({ exchange: 'coinbase', symbol: 'BTC-USD', directory, table, day: 20778 });
  const { columns } = readColumns(tableDay);
  const letters = { u32: 'I', f32: 'f', u64: 'Q', uuid: '16s' };
  const written = table.columns.filter((column) => column.only === undefined);
  const plan = written.map(({ name, type, bytes }) => [`${name}.${STAMP}.bin`, `<${letters[type]}`, bytes]);
  const source = `import json, os, struct, sys
plan = json.loads(sys.argv[2])
sizes = {name: os.path.getsize(os.path.join(sys.argv[1], name)) // width for name, _, width in plan}
rows = min(sizes.values())
for name, letter, width in plan:
    data = open(os.path.join(sys.argv[1], name), 'rb').read()[:rows * width]
    values = [value for (value,) in struct.iter_unpack(letter, data)]
    print(json.dumps([value.hex() if isinstance(value, bytes) else str(value) for value in values]))`;
  const lines = python(source, [directory, JSON.stringify(plan)])
    .trim()
    .split('\n');
  assert.equal(lines.length, written.length);
  written.forEach(({ name, type }, column) => {
    const theirs = JSON.parse(lines[column]!) as string[];
    const values = columns[name]!;
    const ours =
      type === 'uuid'
        ? Buffer.from(values as Uint8Array)
            .toString('hex')
            .match(/.{32}/g)!
        : Array.from(values as Uint32Array, String);
    const same = (text: string) => (type === 'f32' ? String(Number(text)) : text);
    assert.equal(theirs.length, texts.length);
    assert.deepEqual(theirs.map(same), ours.map(same), name);
  });
});

test('the Python check of a closed day agrees with its checksum file', {
  skip: lacks('json', 'zlib'),
}, (t) => {
  const root = dataDirectory(t);
  const directory = writeTableDay(root, { table: 'TRADES' }, [trade(1), trade(2)]);
  writeFileSync(join(directory, `literals.${STAMP}.jsonl`), '{"row":1,"column":"trade_price","text":"é"}\n');
  const counters = new Uint32Array(createCounters(SEALER_COUNTERS));
  const sealer = new Sealer(new DiskIo(), { dataPath: root, counters, log: () => undefined });
  assert.deepEqual([...new Set(sealer.pass(0, 20778))], ['pause', 'covered']);
  const snippet = snippets.find((s) => s.includes('zlib'))!;
  const check = () =>
    python(`${snippet}\nimport sys\nprint(*check_day(*sys.argv[1:]), sep='\\n')`, [directory, STAMP]).trim();
  assert.equal(check(), '');
  appendFileSync(join(directory, `flags.${STAMP}.bin`), Buffer.alloc(4));
  assert.equal(check(), '', 'late rows are no damage');
  const damaged = [`literals.${STAMP}.jsonl`, `trade_side.${STAMP}.bin`];
  for (const file of damaged) {
    const bytes = readFileSync(join(directory, file));
    bytes[7]! ^= 4;
    writeFileSync(join(directory, file), bytes);
  }
  assert.deepEqual(check().split('\n').sort(), damaged);
});

test('the numpy snippets run and rebuild every literal', { skip: lacks('numpy') }, (t) => {
  const directory = writeTrades(dataDirectory(t));
  const source = snippets.filter((s) => !/pandas|duckdb/.test(s)).join('\n');
  const check = `\nprint('|'.join(literals(trades["price_digits"], trades["scales"], 0)), *trades["trade_id"], sep='\\n')`;
  const lines = python(source + check, [directory, STAMP])
    .trim()
    .split('\n');
  assert.match(lines[0]!, /^6 trades, 3\.0 bought/);
  assert.ok(lines.includes('5 live rows'));
  assert.ok(lines.includes(texts.join('|')));
  assert.equal(lines.at(-1), String(2n ** 64n - 5n));
});

test('the pandas and DuckDB snippets run', { skip: lacks('numpy', 'pandas', 'duckdb') }, (t) => {
  const directory = writeTrades(dataDirectory(t));
  const text = python(snippets.join('\n'), [directory, STAMP]);
  assert.match(text, /2026-11-21 01:00:00/);
  assert.match(text, /\[\(datetime\.datetime\(2026, 11, 21, 1, 0\), 6, 3\.0\)\]/);
});

test('the page lists flags and literals as they are declared', () => {
  for (const [name, { bit }] of Object.entries(FLAGS))
    assert.ok(page.includes(`| ${bit} | \`${name}\``), name);
  for (const { name, literals } of TABLES) {
    const family = name.replace(/_.*/, '_*');
    const rows =
      literals.length <= 4
        ? [[`\`${name}\``, literals]]
        : [
            [`\`${family}\`, \`scales\``, literals.slice(0, 4)],
            [`\`${family}\`, \`scales_high\``, literals.slice(4)],
          ];
    for (const [title, some] of rows as [string, string[]][]) {
      const cells = [...some.map((l) => `\`${l}_digits\``), '', '', '', ''].slice(0, 4);
      if (some.length > 0)
        assert.ok(page.includes(`| ${[title, ...cells].join(' | ')} |`.replaceAll('  ', ' ')), name);
    }
  }
});
