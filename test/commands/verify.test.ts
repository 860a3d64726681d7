/** `logger verify`: a clean tree passes, and every kind of damage is found and named. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { runVerify, type VerifyOptions } from '../../src/commands/verify.js';
import { createCounters } from '../../src/counters/counters.js';
import { SEALER_COUNTERS } from '../../src/counters/declarations.js';
import { GAP_CAUSES } from '../../src/schema/tables.js';
import { DiskIo } from '../../src/store/disk/io.js';
import { Sealer } from '../../src/store/seal/sealer.js';
import { DAY_START, dataDirectory, type Row, STAMP, trade, writeTableDay } from '../store/column_writer.js';
import { FIRST_DAY, STREAMS, World } from '../support/store_world.js';

interface Told {
  readonly ok: boolean;
  readonly problem_count: number;
  readonly problems: { symbol: string; table: string; check: string; text: string }[];
  readonly notes: string[];
  readonly [key: string]: unknown;
}

async function capture(options: VerifyOptions): Promise<{ ok: boolean; text: string; bar: string }> {
  let text = '';
  let bar = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  const terminal = { isTTY: true, write: (part: string | Uint8Array) => (bar += part) !== '' };
  const ok = await runVerify(options, stream, terminal);
  return { ok, text, bar };
}

async function verify(root: string, options: Partial<VerifyOptions> = {}): Promise<Told> {
  const { ok, text } = await capture({ data: root, json: true, ...options });
  const told = JSON.parse(text) as Told;
  assert.equal(told.ok, ok);
  return told;
}

/** Files that nobody is writing any more. */
function age(directory: string): void {
  for (const file of readdirSync(directory)) utimesSync(join(directory, file), 1, 1);
}

const NO_VOLUME = 1 << 16;
const SIDECAR = 1 << 7;
const ticker: Row = {
  time: DAY_START,
  recv_time: DAY_START,
  price: 131072.01,
  price_digits: 13107201,
  volume: Number.NaN,
  best_bid: 1e-8,
  best_bid_digits: 1,
  best_ask: 0.1,
  best_ask_digits: 100,
  scales: 2 | (8 << 8) | (3 << 16),
  flags: NO_VOLUME,
  last_size: 1,
  volume_24h: 1,
};
const gap = (from: number, to: number, more: Row = {}): Row => ({
  time: DAY_START + 9,
  table: 2,
  cause: 1,
  from_id: from,
  to_id: to,
  from_time: DAY_START + 5,
  to_time: DAY_START + 9,
  messages: to - from + 1,
  ...more,
});
const exactTrades = [
  trade(2n ** 63n),
  trade(2n ** 63n + 1n, '0.00000001', '9999999999999999999'),
  trade(2n ** 63n + 2n, '16777217.000000001', '1.500'),
  trade(2n ** 63n + 3n, '42', '0.00'),
  trade(2n ** 63n + 4n, '16777217', '0.1234567890123456789'),
].map((row) => (row['price_digits'] === 16777217000000001n ? { ...row, trade_price: 16777218 } : row));

test('a clean tree passes', async (t) => {
  const root = dataDirectory(t);
  writeTableDay(root, { table: 'TRADES' }, exactTrades);
  writeTableDay(root, { table: 'MD' }, [ticker]);
  writeTableDay(root, { table: 'TRADES', stamp: '22.11.26', without: ['flags'] }, []);
  const bare = { table: 'TRADES', symbol: 'ETH-USD', without: ['price_digits', 'size_digits', 'scales'] };
  writeTableDay(root, bare, [trade(1), trade(2)]);
  const told = await verify(root);
  assert.deepEqual([told.problems, told.notes, told['rows'], told['table_days']], [[], [], 8, 4]);
});

test('a suspect clock files a row under its receive day', async (t) => {
  const root = dataDirectory(t);
  const far = { trade_time: DAY_START - 999_999 };
  writeTableDay(root, { table: 'TRADES' }, [trade(1, '1', '1', { ...far, flags: 4 })]);
  assert.equal((await verify(root)).problem_count, 0);
  writeTableDay(root, { table: 'TRADES' }, [trade(1, '1', '1', { ...far, flags: 4, recv_time: 5 })]);
  assert.equal((await verify(root)).problems[0]!.check, 'time');
});

/** One damage to otherwise clean rows 1, 2, 3, the check that names it, and words of its line. */
const damages: [string, Row | undefined, (directory: string) => void, string, RegExp][] = [
  [
    'truncated column',
    undefined,
    (d) => truncateSync(join(d, `scales.${STAMP}.bin`), 8),
    'files',
    /scales.* has 2 rows/,
  ],
  [
    'half a value',
    undefined,
    (d) => truncateSync(join(d, `flags.${STAMP}.bin`), 11),
    'files',
    /ends 3 bytes into/,
  ],
  [
    'missing column',
    undefined,
    (d) => rmSync(join(d, `trade_side.${STAMP}.bin`)),
    'files',
    /trade_side.* is missing/,
  ],
  [
    'one exact column missing',
    undefined,
    (d) => rmSync(join(d, `scales.${STAMP}.bin`)),
    'files',
    /scales.* is missing/,
  ],
  [
    'flipped digit',
    { price_digits: 13107301 },
    () => {},
    'digits',
    /row 1: trade_price .* digits say 131073\.01/,
  ],
  ['wrong scale', { scales: 3 | (8 << 8) }, () => {}, 'digits', /digits say 13107\.201/],
  ['wrong f32', { trade_size: 0.50000006 }, () => {}, 'digits', /trade_size is 0\.50000006/],
  ['NaN', { trade_price: Number.NaN }, () => {}, 'missing', /NaN without a flag/],
  ['duplicate id', { trade_id: 1 }, () => {}, 'ids', /trade id 1 \(row 1\)/],
  ['gap without GAPS', { trade_id: 9 }, () => {}, 'ids', /ids 2 missing and not listed|ids 4-8/],
  ['wrong day', { trade_time: DAY_START - 1 }, () => {}, 'time', /trade_time 2026-11-20T23:59:59/],
  ['next day', { trade_time: DAY_START + 86_400 }, () => {}, 'time', /2026-11-22T00:00:00/],
  ['nanos', { trade_nanos: 1_000_000_000 }, () => {}, 'time', /trade_nanos is 1000000000/],
  ['receive time', { recv_time: 0 }, () => {}, 'time', /recv_time is 0/],
  ['side', { trade_side: 3 }, () => {}, 'side', /trade_side is 3/],
  ['bad flag', { flags: 1 << 30 }, () => {}, 'flags', /unknown bit_30/],
  ['top flag', { flags: 2 ** 31 }, () => {}, 'flags', /unknown bit_31/],
  [
    'flag without side-car',
    { flags: SIDECAR },
    () => {},
    'sidecar',
    /row 1: flag literal_in_sidecar, but no line/,
  ],
];

for (const [name, change, damage, check, words] of damages) {
  test(`finds: ${name}`, async (t) => {
    const root = dataDirectory(t);
    const rows = [trade(1), trade(2, '131072.01', '0.50000000', change), trade(3)];
    const directory = writeTableDay(root, { table: 'TRADES' }, rows);
    damage(directory);
    age(directory);
    const told = await verify(root);
    assert.equal(told.ok, false);
    assert.deepEqual([...new Set(told.problems.map((p) => p.check))], [check], JSON.stringify(told.problems));
    assert.ok(
      told.problems.some((p) => words.test(p.text)),
      JSON.stringify(told.problems),
    );
  });
}

test('every single bit of digits and f32 counts', async (t) => {
  const root = dataDirectory(t);
  const directory = writeTableDay(root, { table: 'TRADES' }, [trade(1), trade(2)]);
  for (const column of ['trade_price', 'trade_size']) {
    const file = join(directory, `${column}.${STAMP}.bin`);
    const clean = readFileSync(file);
    for (let bit = 0; bit < 32; bit++) {
      const bytes = Buffer.from(clean);
      bytes[4 + (bit >> 3)]! ^= 1 << (bit & 7);
      writeFileSync(file, bytes);
      assert.equal((await verify(root)).problem_count, 1, `${column} bit ${bit}`);
    }
    writeFileSync(file, clean);
  }
  assert.equal((await verify(root)).problem_count, 0);
});

test('side-car lines must be readable and belong to rows with the flag', async (t) => {
  const root = dataDirectory(t);
  const directory = writeTableDay(root, { table: 'TRADES' }, [
    trade(1),
    trade(2, '1', '1', { trade_price: -1.5, price_digits: 0, flags: SIDECAR }),
  ]);
  const sidecar = join(directory, `literals.${STAMP}.jsonl`);
  writeFileSync(sidecar, '{"row":1,"column":"trade_price","text":"-1.50"}\n');
  assert.equal((await verify(root)).problem_count, 0);
  writeFileSync(sidecar, '{"row":1,"column":"trade_price","text":"-1.25"}\n');
  assert.match((await verify(root)).problems[0]!.text, /trade_price is -1\.5, but its digits say -1\.25/);
  writeFileSync(sidecar, '{"row":1,"column":"trade_price","text":"-1.50"}\n');
  const lines: [string, RegExp][] = [
    ['{"row":0,"column":"trade_price","text":"131072.01"}\n', /row 0: has a line, but not the flag/],
    ['{"row":2,"column":"trade_price","text":"1"}\n', /line 2 is for row 2 of 2/],
    ['{"row":1,"column":"trade_cost","text":"1"}\n', /names the column "trade_cost"/],
    ['{"row":"1","column":"trade_price","text":"1"}\n', /lacks row, column or text/],
    ['null\n', /lacks row, column or text/],
    ['{"row":1,\n', /line 2 is not JSON/],
    ['{"row":1,"column":"trade_price","text":"-1.50"}', /line 2 is not complete/],
  ];
  const clean = readFileSync(sidecar);
  age(directory);
  for (const [line, words] of lines) {
    writeFileSync(sidecar, clean);
    appendFileSync(sidecar, line);
    utimesSync(sidecar, 1, 1);
    const told = await verify(root);
    assert.equal(told.problem_count, 1, line);
    assert.match(told.problems[0]!.text, words);
  }
});

test('ids that begin again are judged before and after, not on the day of it', async (t) => {
  const root = dataDirectory(t);
  const DAY = 86_400;
  const on = (day: number, ...numbers: number[]) =>
    numbers.map((id) =>
      trade(id, undefined, undefined, {
        trade_time: DAY_START + day * DAY + 3600,
        recv_time: DAY_START + day * DAY + 3600,
      }),
    );
  writeTableDay(root, { table: 'TRADES' }, on(0, 7, 8, 9));
  writeTableDay(root, { table: 'TRADES', stamp: '22.11.26' }, on(1, 10, 11, 1, 2, 3));
  writeTableDay(root, { table: 'TRADES', stamp: '23.11.26' }, on(2, 8, 9, 11));
  writeTableDay(root, { table: 'GAPS', stamp: '22.11.26' }, [
    gap(0, 0, {
      cause: GAP_CAUSES.reset.id,
      time: DAY_START + DAY + 3600,
      to_time: DAY_START + DAY + 3600,
      messages: 0,
    }),
  ]);
  const { problem_count, problems, notes } = await verify(root);
  assert.equal(problem_count, 1, JSON.stringify(problems));
  assert.match(problems[0]!.text, /2026-11-23: ids 10 missing/);
  assert.match(String(notes), /ids begin again 1 times/);
});

test('ids that GAPS says were fetched have to be there', async (t) => {
  const root = dataDirectory(t);
  writeTableDay(root, { table: 'TRADES' }, [trade(1), trade(4), trade(2), trade(8)]);
  writeTableDay(root, { table: 'GAPS' }, [
    gap(2, 3),
    gap(5, 7),
    gap(2, 3, { flags: 1 }),
    gap(5, 7, { flags: 1 << 14, cause: GAP_CAUSES.absent.id }),
  ]);
  const { problem_count, problems } = await verify(root);
  assert.equal(problem_count, 1);
  assert.match(problems[0]!.text, /ids 3 missing and not listed/);
});

test('a gap that GAPS lists is no problem, and is told with its cause', async (t) => {
  const root = dataDirectory(t);
  writeTableDay(root, { table: 'TRADES' }, [trade(1), trade(4), trade(8)]);
  writeTableDay(root, { table: 'GAPS' }, [gap(2, 3)]);
  writeTableDay(root, { table: 'GAPS', stamp: '22.11.26' }, [
    gap(5, 7, { cause: 2, time: DAY_START + 86_400, flags: 1, messages: 0 }),
  ]);
  const brief = await capture({ data: root });
  assert.match(
    brief.text,
    /\ngaps: 1 disconnect, 1 ring_full \(--gaps lists them\)\n {2}TRADES: 1 disc.*, 1 ring_full\n/,
  );
  assert.doesNotMatch(brief.text, /ids 2-3/);
  const { ok, text } = await capture({ data: root, gaps: true });
  assert.ok(ok, text);
  assert.match(text, /\ngaps: 1 disconnect, 1 ring_full\n/);
  assert.match(
    text,
    /TRADES ids 2-3 \(2\): disconnect, from 2026-11-21T00:00:05\.000000000Z to .*, 2 messages\n/,
  );
  assert.match(text, /5-7 \(3\): ring_full, .*repaired/);
  assert.match(text, /no problem in 3 table-days, 5 rows/);
  const told = await verify(root, { table: 'trades', day: '2026-11-21' });
  assert.equal(told.ok, true, 'gaps of other days and tables still count');
  const [summary] = told['tables'] as Record<string, number>[];
  assert.deepEqual([summary!['missing_ids'], summary!['listed_ids']], [5, 5]);
});

test('problems come before everything else, and many gaps are few lines', async (t) => {
  const root = dataDirectory(t);
  const ids = Array.from({ length: 80 }, (_, i) => 3 * i);
  const trades = ids.map((id) => trade(id, '1', '1', id === 30 ? { trade_side: 9 } : {}));
  writeTableDay(root, { table: 'TRADES' }, trades);
  const gaps = ids.map((id, i) => gap(id + 1, id + 2, { cause: i % 2 }));
  writeTableDay(root, { table: 'GAPS' }, [...gaps, gap(0, 0, { table: 1, messages: 0 })]);
  const { text } = await capture({ data: root });
  const lines = text.split('\n');
  assert.equal(lines[0], 'problems:');
  assert.match(lines[1]!, /side: row 10: trade_side is 9$/);
  assert.ok(lines.length < 20, text);
  assert.ok(text.includes('  TRADES: 40 unknown, 40 disconnect\n  MD: 1 disconnect\n'), text);
  const listed = await capture({ data: root, gaps: true });
  assert.equal(
    listed.text.split('\n').filter((line) => / (TRADES|MD)( ids .*)?: (unk|disc)/.test(line)).length,
    81,
  );
  assert.deepEqual((await verify(root))['gap_tables'], {
    TRADES: { unknown: 40, disconnect: 40 },
    MD: { disconnect: 1 },
  });
});

test('a state of an instrument without a meaning is found', async (t) => {
  const root = dataDirectory(t);
  const row = { time: DAY_START, tick_size: Number.NaN, lot_size: Number.NaN, flags: 7 << 16 };
  writeTableDay(root, { table: 'INSTRUMENTS' }, [
    { ...row, state: 4 },
    { ...row, state: 5 },
  ]);
  const { problems } = await verify(root);
  assert.deepEqual(
    problems.map(({ check, text }) => [check, text]),
    [['state', 'row 1: state 5 is unknown']],
  );
});

test('bad GAPS rows are found', async (t) => {
  const root = dataDirectory(t);
  writeTableDay(root, { table: 'GAPS' }, [
    gap(1, 2, { table: 77 }),
    gap(1, 2, { cause: 99 }),
    gap(3, 2, { messages: 0 }),
  ]);
  const told = await verify(root);
  assert.deepEqual(
    told.problems.map((p) => p.check),
    ['gaps', 'gaps', 'gaps'],
  );
});

test('problems are bounded: counted all, told in part', async (t) => {
  const root = dataDirectory(t);
  writeTableDay(
    root,
    { table: 'TRADES' },
    Array.from({ length: 300 }, (_, i) => trade(i, '1', '1', { trade_side: 9 })),
  );
  writeTableDay(root, { table: 'MD' }, [{ ...ticker, side: 7, flags: 0 }]);
  const { ok, text } = await capture({ data: root });
  assert.equal(ok, false);
  assert.match(text, /side: row 19: trade_side is 9\n/);
  assert.match(text, /and 280 more\n/);
  assert.match(text, /302 problems/);
  assert.match(text, /coinbase BTC-USD MD 2026-11-21: missing: row 0: volume is NaN without a flag/);
});

test('threads find the same as one, and draw a bar', async (t) => {
  const root = dataDirectory(t);
  for (const symbol of ['A-USD', 'B-USD', 'C-USD', 'D-USD'])
    writeTableDay(root, { table: 'TRADES', symbol }, [trade(1), trade(symbol === 'C-USD' ? 5 : 2)]);
  const alone = await verify(root, { jobs: 1 });
  assert.deepEqual(await verify(root, { jobs: 2 }), alone);
  assert.equal(alone.problem_count, 1);
  const { bar } = await capture({ data: root });
  assert.match(bar, /\d+% {2}\d+ of 8 rows/);
  assert.ok(bar.endsWith('\r\u001b[2K'));
});

test('says what exists', async (t) => {
  const root = dataDirectory(t);
  writeTableDay(root, { table: 'TRADES' }, [trade(1)]);
  await assert.rejects(verify(root, { table: 'TRADE' }), { code: 'USAGE', message: /tables: MD, TRADES/ });
  await assert.rejects(verify(root, { exchange: 'kraken' }), /exchanges: coinbase/);
  await assert.rejects(verify(root, { symbol: 'X' }), /nothing to verify/);
  await assert.rejects(verify(join(root, 'none')), /no data directory/);
});

test('files that are being appended to are no problem once they agree', async (t) => {
  const root = dataDirectory(t);
  const directory = writeTableDay(root, { table: 'TRADES' }, [trade(1), trade(2)]);
  const file = join(directory, `flags.${STAMP}.bin`);
  truncateSync(file, 4);
  const running = verify(root);
  appendFileSync(file, Buffer.alloc(4));
  const told = await running;
  assert.deepEqual([told.ok, told['rows']], [true, 2]);
});

test('ids that do not count up: gaps are none, a repetition is one unless the id stands elsewhere', async (t) => {
  const rows = [trade(2290000001202469355n), trade(2290000001202469371n), trade(2290000001202469360n)];
  const of = async (exchange: string, more: Row[]) => {
    const root = dataDirectory(t);
    age(writeTableDay(root, { table: 'TRADES', exchange }, [...rows, ...more]));
    const { problems } = await verify(root);
    return problems.filter(({ check }) => check === 'ids').map(({ text }) => text);
  };
  assert.deepEqual(await of('bybit', []), []);
  assert.match((await of('bybit', [rows[1]]))[0], /2290000001202469371 .* more than once/);
  assert.deepEqual(await of('bybit-linear', [rows[1]]), []);
  assert.equal((await of('binance', [])).length, 2);
});

/** A data directory as a writer leaves it: with `stop` in order, otherwise killed. */
function written(t: { after(run: () => void): void }, stop: boolean) {
  const root = dataDirectory(t);
  const clock = { ms: 1000 };
  const world = new World(new DiskIo(), clock, [0, 0, 0], {
    dataPath: root,
    flushIntervalMs: 100,
    checkpointMs: 500,
  });
  const turns = (count: number) => {
    for (let turn = 0; turn < count; turn++) {
      clock.ms += 150;
      world.writer.doWork();
    }
  };
  for (const { stream } of STREAMS) world.row(stream, FIRST_DAY);
  world.publish();
  turns(12);
  if (stop) world.writer.finish();
  else {
    world.row(0, FIRST_DAY);
    world.publish();
    clock.ms += 1;
    world.writer.doWork();
  }
  return root;
}

const journalTexts = async (root: string) =>
  (await verify(root)).problems
    .filter(({ check }) => check === 'journal')
    .map(({ symbol, text }) => `${symbol} ${text}`);

test('a table-day and a symbol that a checkpoint knows and that are gone are told', async (t) => {
  const root = written(t, false);
  rmSync(join(root, 'x', 'A', 'TRADES'), { recursive: true });
  rmSync(join(root, 'y'), { recursive: true });
  const texts = await journalTexts(root);
  for (const symbol of ['A 0 rows are there, 1 were durable', 'A 0 rows are there, 1 were durable'])
    assert.ok(
      texts.some((text) => text.startsWith(symbol)),
      texts.join('\n'),
    );
  assert.equal(texts.filter((text) => text.includes('were durable')).length, 2);
});

test('a sealed table-day whose columns are gone is told', async (t) => {
  const root = dataDirectory(t);
  writeTableDay(root, { table: 'MD' }, [{ recv_time: DAY_START }]);
  const folder = writeTableDay(root, { table: 'TRADES' }, [trade(1)]);
  const counters = new Uint32Array(createCounters(SEALER_COUNTERS));
  const sealer = new Sealer(new DiskIo(), { dataPath: root, counters, log: () => undefined });
  for (const _ of sealer.pass(0, 30_000));
  for (const name of readdirSync(folder)) if (name.endsWith('.bin')) rmSync(join(folder, name));
  const { ok, text } = await capture({ data: root });
  assert.equal(ok, false);
  assert.match(text, /TRADES 2026-11-21: checksums:/);
});

test('ids that a wrong receive clock has filed under another day are not missing, for one day alone neither', async (t) => {
  const root = dataDirectory(t);
  writeTableDay(root, { table: 'TRADES' }, [trade(1), trade(2), trade(5)]);
  const suspect = { flags: 4, recv_time: DAY_START + 2 * 86_400 };
  writeTableDay(root, { table: 'TRADES', stamp: '23.11.26' }, [
    trade(3, undefined, undefined, suspect),
    trade(4, undefined, undefined, suspect),
  ]);
  for (const day of [undefined, '2026-11-21', '2026-11-23']) {
    const { problems } = await verify(root, { day });
    assert.deepEqual(problems, [], day);
  }
});
