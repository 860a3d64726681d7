/**
 * The page about reading tells the truth: its Python runs on what the logger wrote, and agrees with what the files hold.
 * What needs numpy or pandas or DuckDB is skipped where they are not installed.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { encodeName } from '../src/base/names.js';
import { verifyBooksTask } from '../src/commands/verify_books_task.js';
import { createCounters } from '../src/counters/counters.js';
import { SEALER_COUNTERS } from '../src/counters/declarations.js';
import { loadExchanges } from '../src/exchanges/index.js';
import { COLUMN_TYPES } from '../src/schema/columns.js';
import { FLAGS } from '../src/schema/flags.js';
import { BOOK, GAP_CAUSES, GAPS, KLINES, TABLES } from '../src/schema/tables.js';
import { DiskIo } from '../src/store/disk/io.js';
import { tableDirectory } from '../src/store/disk/paths.js';
import { decimalOf } from '../src/store/read/decimals.js';
import { listTableDays, readColumns, tableDayAt } from '../src/store/read/reader.js';
import { Sealer } from '../src/store/seal/sealer.js';
import { DAY_START, dataDirectory, STAMP, trade, writeTableDay } from './store/column_writer.js';
import { startLoggerProcess, startSimulatorProcess, temporaryFolder, until } from './support/processes.js';

function pythonOf(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(/```python\n([\s\S]*?)```/g)].map((match) => match[1]!);
}

const page = readFileSync('READING.md', 'utf8');
const snippets = pythonOf('READING.md');
/** The pieces that define functions, without those that use them. */
const functions = snippets.filter((snippet) => /^def /m.test(snippet)).join('\n');

function python(source: string, args: readonly string[] = [], cwd?: string): string {
  const { status, stdout, stderr } = spawnSync('python3', ['-c', source, ...args], { encoding: 'utf8', cwd });
  assert.equal(status, 0, stderr);
  return stdout;
}

function lacks(...modules: string[]): string | false {
  const missing = ['sys', ...modules].filter(
    (name) => spawnSync('python3', ['-c', `import ${name}`]).status !== 0,
  );
  return missing.length > 0 && `python3 with ${modules.join(', ') || 'nothing more'} is not installed here`;
}

/** Levels per side that an exchange keeps, where it does not keep all. */
const DEPTHS = (await loadExchanges())
  .map(({ id, book }) => [id, book?.depth ?? 0] as const)
  .filter(([, depth]) => depth > 0);

function dateOf(day: Date): string {
  return `date(${day.getUTCFullYear()}, ${day.getUTCMonth() + 1}, ${day.getUTCDate()})`;
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
  const written = table.columns.filter((column) => column.own !== true);
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

test('the functions of the page know every column, table, cause and flag as they are declared', {
  skip: lacks('numpy'),
}, () => {
  const columns = [...new Set(TABLES.flatMap(({ columns }) => columns.map(({ name }) => name)))];
  const symbols = ['BTC-USD', 'BTC/USD', '.x', '-é~', 'a.b-c_d', '币安人生USDT'];
  const source = `${functions}
import sys
columns, symbols = json.loads(sys.argv[1])
print(json.dumps({
    "dtypes": [dtype_of(name) for name in columns],
    "folders": [folder_of("data", "x", symbol, "MD") for symbol in symbols],
    "digits": DIGITS | {"KLINES": KLINE_DIGITS},
    "tables": TABLE_NAMES, "causes": CAUSES, "gaps": GAP_COLUMNS, "depths": BOOK_DEPTH, "book": BOOK_ID,
}))`;
  const said = JSON.parse(python(source, [JSON.stringify([columns, symbols])]));
  const typeOf = new Map(TABLES.flatMap((table) => table.columns.map(({ name, type }) => [name, type])));
  assert.deepEqual(
    said.dtypes,
    columns.map((name) => COLUMN_TYPES[typeOf.get(name)!].numpy),
  );
  assert.deepEqual(
    said.folders,
    symbols.map((symbol) => tableDirectory('data', 'x', encodeName(symbol), 'MD')),
  );
  const plain = TABLES.filter(({ name }) => !name.startsWith('KLINES'));
  const exact = plain.filter(({ exactNumbers }) => exactNumbers.length > 0);
  assert.deepEqual(said.digits, {
    ...Object.fromEntries(exact.map(({ name, exactNumbers }) => [name, exactNumbers])),
    KLINES: KLINES['1m'].exactNumbers,
  });
  assert.deepEqual(said.tables, Object.fromEntries(plain.map(({ id, name }) => [id, name])));
  assert.deepEqual(
    said.causes,
    Object.entries(GAP_CAUSES)
      .sort(([, a], [, b]) => a.id - b.id)
      .map(([name]) => name),
  );
  assert.deepEqual(
    said.gaps,
    GAPS.columns.map(({ name }) => name),
  );
  assert.equal(said.book, BOOK.id);
  assert.deepEqual(said.depths, Object.fromEntries(DEPTHS));
});

test('every number is rebuilt as sent, and a file that is being written is cut to whole rows', {
  skip: lacks('numpy'),
}, (t) => {
  const root = dataDirectory(t);
  const directory = writeTrades(root);
  const long = { row: 5, column: 'trade_price', text: '-123456789012345678901.5' };
  writeFileSync(join(directory, `literals.${STAMP}.jsonl`), `${JSON.stringify(long)}\n`);
  const source = `${functions}
folder = folder_of(${JSON.stringify(root)}, "coinbase", "BTC-USD", "TRADES")
day = date(2026, 11, 21)
rows = read_day(folder, day)
print(json.dumps([exact(rows, "TRADES", "trade_price", long_numbers(folder, day)), rows["trade_id"].tolist()[-1],
    time_ns(rows, "recv_").tolist()[0], sorted({len(array) for array in rows.values()})]))`;
  const [prices, id, received, lengths] = JSON.parse(python(source)) as [string[], number, number, number[]];
  assert.deepEqual(prices, [...texts.slice(0, 5), long.text]);
  assert.equal(id, Number(2n ** 64n - 5n));
  assert.equal(received, Number(BigInt(DAY_START + 3600) * 10n ** 9n + 200_000_000n));
  assert.deepEqual(lengths, [texts.length]);
});

test('several days and symbols are read in the order of days, whatever the names of their files', {
  skip: lacks('numpy'),
}, (t) => {
  const root = dataDirectory(t);
  const days = ['30.11.26', '01.12.26', '02.12.26', '15.01.27'];
  days.forEach((stamp, i) => {
    writeTableDay(root, { table: 'TRADES', stamp }, i === 2 ? [] : [trade(i * 2), trade(i * 2 + 1)]);
    writeTableDay(root, { table: 'TRADES', symbol: 'BTC%2FUSD', stamp }, [trade(100 + i)]);
  });
  const source = `${functions}
data = ${JSON.stringify(root)}
days = days_of(folder_of(data, "coinbase", "BTC-USD", "TRADES"))
both = read_symbols(data, "coinbase", ["BTC-USD", "BTC/USD"], "TRADES", days, ["trade_id"])
nothing = read_symbols(data, "coinbase", ["BTC-USD", "none"], "TRADES", [], ["trade_id"])
print(json.dumps([list(map(str, days)), both["trade_id"].tolist(), both["symbol"].tolist(), len(nothing["trade_id"])]))`;
  const [read, ids, symbols, none] = JSON.parse(python(source));
  assert.deepEqual(read, ['2026-11-30', '2026-12-01', '2026-12-02', '2027-01-15']);
  assert.deepEqual(ids, [0, 1, 2, 3, 6, 7, 100, 101, 102, 103]);
  assert.deepEqual(symbols, [...Array(6).fill('BTC-USD'), ...Array(4).fill('BTC/USD')]);
  assert.equal(none, 0);
});

test('of the rows of a candle the last is taken, and rows within gaps are told', {
  skip: lacks('numpy'),
}, () => {
  const source = `${functions}
rows = {"open_time": np.array([60, 120, 60, 180, 120, 60], "<u4"), "close": np.array([1, 2, 3, 4, 5, 6], "<f4")}
print({name: array.tolist() for name, array in candles(rows).items()})
at = lambda seconds: {"recv_time": np.array(seconds, "<u4"), "recv_nanos": np.zeros(len(seconds), "<u4"), "flags": seconds}
lost = {"table": [2, 6], "from_time": [10, 0], "from_nanos": [0, 0], "to_time": [20, 99], "to_nanos": [0, 0]}
lost = {name: np.array(values, "<u4") for name, values in lost.items()}
print(outside_gaps(at([9, 10, 11, 19, 20, 21]), lost, 2).tolist())`;
  assert.deepEqual(python(source).trim().split('\n'), [
    "{'open_time': [60, 120, 180], 'close': [6.0, 5.0, 4.0]}",
    '[True, True, False, False, True, True]',
  ]);
});

test('a book is known from a snapshot to the next gap, over midnight as well', {
  skip: lacks('numpy'),
}, (t) => {
  const root = dataDirectory(t);
  const [start, snapshot, change, end, unsynced] = [1 << 10, 1 << 11, 0, 1 << 12, 1 << 13];
  const MIDNIGHT = DAY_START + 86_400;
  const level = (received: number, side: number, price: number, size: number, flags: number) => ({
    recv_time: MIDNIGHT + received,
    side,
    price,
    size,
    price_digits: price,
    size_digits: size,
    flags,
  });
  writeTableDay(root, { table: 'BOOK' }, [
    level(-90, 1, 7, 7, end),
    level(-60, 1, 10, 1, start | snapshot),
    level(-60, 2, 11, 2, snapshot | end),
    level(-30, 2, 12, 5, change | end),
    // of the day before, but received behind the first row of the next one
    level(2, 2, 11, 0, end),
  ]);
  writeTableDay(root, { table: 'BOOK', stamp: '22.11.26' }, [
    level(1, 1, 9, 3, end),
    level(20, 1, 8, 4, end),
    level(30, 1, 20, 6, start | snapshot | end),
    level(40, 1, 21, 6, unsynced | end),
    level(50, 1, 22, 6, end),
  ]);
  const gap = { time: MIDNIGHT + 25, table: 6, cause: 1, from_time: MIDNIGHT + 3, to_time: MIDNIGHT + 20 };
  writeTableDay(root, { table: 'GAPS', stamp: '22.11.26' }, [
    gap,
    { ...gap, table: 2, to_time: MIDNIGHT - 59 },
  ]);
  const source = `${functions}
for received, bids, asks in book_events(${JSON.stringify(root)}, "coinbase", "BTC-USD", [date(2026, 11, 21), date(2026, 11, 22)]):
    print(received // 10**9 - ${MIDNIGHT}, *[f"{price}:{size}" for price, size in sorted((bids | asks).items())])`;
  assert.deepEqual(python(source).trim().split('\n'), [
    '-60 10:1 11:2',
    '-30 10:1 11:2 12:5',
    '1 9:3 10:1 11:2 12:5',
    '2 9:3 10:1 12:5',
    '30 20:6',
  ]);
});

/** Captures a few symbols of three exchanges from the simulator, with a trade and a connection lost. */
async function capture(): Promise<string> {
  const folder = temporaryFolder('reading');
  const ids = ['coinbase', 'binance', 'kraken'];
  const flags = ['--symbols', '3', '--rate', '1500', '--mix', '6:3:2:3:4:3'];
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), flags, ids.join());
  const channels = {
    coinbase: '["trades", "ticker", "book"]',
    binance: '["trades", "bbo", "klines"]',
    kraken: '["trades", "book"]',
  };
  const exchangeLines = Object.fromEntries(
    Object.entries(channels).map(([id, names]) => [
      id,
      [`channels = ${names}`, ...(id === 'binance' ? ['kline_intervals = ["1m"]'] : [])],
    ]),
  );
  const logger = startLoggerProcess({ folder, exchangeLines }, simulator);
  const exchange = async (id: string) => (await logger.health()).exchanges[id]!;
  await logger.ready();
  for (const id of ids) await until(`${id} has rows`, async () => (await exchange(id)).rows_written > 2000);
  await simulator.fault({
    kind: 'drop',
    exchange: 'coinbase',
    channel: 'trades',
    symbol: 'BTC-USD',
    count: 1,
  });
  await simulator.fault({ kind: 'cut', exchange: 'kraken', connections: 'all' });
  await until('a trade is missing', async () => (await exchange('coinbase')).gaps > 0);
  await until('the books of a lost connection are listed', async () => (await exchange('kraken')).gaps > 0);
  await logger.ready();
  const { rows_written } = await exchange('kraken');
  await until('rows follow', async () => (await exchange('kraken')).rows_written > rows_written + 1000);
  await simulator.finish();
  await logger.quiet();
  assert.equal(await logger.stop(), 0, logger.stderr());
  await simulator.stop();
  return folder;
}

/** Python that rebuilds every book of Kraken and compares it with the checksum of its last event. */
const REBUILD = `
import zlib

def kraken_checksum(bids, asks):
    part = lambda value: format(value, "f").replace(".", "").lstrip("0")
    levels = sorted(asks.items())[:10] + sorted(bids.items(), reverse=True)[:10]
    return zlib.crc32("".join(part(price) + part(size) for price, size in levels).encode())

books = {}
for symbol in json.loads(sys.argv[1]):
    folder = folder_of(DATA, "kraken", symbol, "BOOK")
    days, events = days_of(folder), 0
    for _, bids, asks in book_events(DATA, "kraken", symbol, days):
        events += 1
    rows = read_days(folder, days)
    books[symbol] = [events, int(rows["checksum"][-1]) == kraken_checksum(bids, asks)]
print(json.dumps([len(trades["flags"]), exact(trades, "TRADES", "trade_price")[-1],
    exact(minutes, "KLINES_1m", "close")[-1], int((lost["table"] == 2).sum()), books]))`;

test('the whole page runs on what the logger wrote, and sees what its own reader sees', {
  skip: lacks('numpy', 'pandas', 'duckdb'),
}, async () => {
  const folder = await capture();
  const data = join(folder, 'data');
  const newest = (exchange: string, symbol: string, table: string) =>
    listTableDays(data, { exchange, symbol, table })
      .filter(({ rows }) => rows > 0)
      .at(-1)!;
  const tableDay = newest('coinbase', 'BTC-USD', 'TRADES');
  const day = new Date(tableDay.day * 86_400_000);
  const symbols = ['BTC/USD', 'ETH/USD', 'SOL/USD'];
  const source = [snippets.join('\n').replace('date(2026, 11, 30)', dateOf(day)), 'import sys', REBUILD].join(
    '\n',
  );
  const lines = python(source, [JSON.stringify(symbols)], folder)
    .trim()
    .split('\n');
  const [trades, price, close, missing, books] = JSON.parse(lines.at(-1)!);
  const prices = readColumns(tableDay, ['price_digits', 'scales']).columns;
  const last = tableDay.rows - 1;
  const sent = decimalOf(
    (prices.price_digits as BigUint64Array)[last]!,
    (prices.scales as Uint32Array)[last]!,
    0,
  );
  assert.deepEqual([trades, price], [tableDay.rows, sent]);
  assert.match(close, /^\d+\.\d{8}$/);
  assert.ok(missing >= 1, 'the trade that was dropped is in GAPS');
  assert.ok(
    lines.some((line) => /^TRADES unknown ids \d+ to \d+$/.test(line)),
    lines.join('\n'),
  );
  for (const symbol of symbols) {
    const { events } = await verifyBooksTask({ data, exchange: 'kraken', symbol });
    assert.deepEqual([symbol, ...books[symbol]], [symbol, events, true]);
  }
  assert.ok(existsSync(join(folder, 'trades.parquet')));
});

test('the Python of the README runs', { skip: lacks('numpy') }, (t) => {
  const root = dataDirectory(t);
  const stamp = '30.11.26';
  writeTableDay(join(root, 'data'), { table: 'TRADES', stamp }, [trade(1, '80691.65'), trade(2, '80691.66')]);
  const [snippet] = pythonOf('README.md');
  const text = python(`${snippet}\nprint(price, digits, scale)`, [], root);
  assert.equal(text.trim(), '[80691.65 80691.66] [8069165 8069166] [2 2]');
});

test('the page lists flags and exact numbers as they are declared', () => {
  for (const [name, { bit }] of Object.entries(FLAGS))
    assert.ok(page.includes(`| ${bit} | \`${name}\``), name);
  for (const { name, exactNumbers } of TABLES) {
    const family = name.replace(/_.*/, '_*');
    const rows =
      exactNumbers.length <= 4
        ? [[`\`${name}\``, exactNumbers]]
        : [
            [`\`${family}\`, \`scales\``, exactNumbers.slice(0, 4)],
            [`\`${family}\`, \`scales_high\``, exactNumbers.slice(4)],
          ];
    for (const [title, some] of rows as [string, string[]][]) {
      const cells = [...some.map((l) => `\`${l}_digits\``), '', '', '', ''].slice(0, 4);
      if (some.length > 0)
        assert.ok(page.includes(`| ${[title, ...cells].join(' | ')} |`.replaceAll('  ', ' ')), name);
    }
  }
});
