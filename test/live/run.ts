/**
 * `npm run test:live -- kraken [symbols…]`: captures every channel of a few symbols from the real exchange for half a
 * minute, and requires that nothing was strange: every data message read by the fast path, none refused or of an unknown
 * kind, rows in every table, files in which `logger verify` finds nothing. Ends with status 1 when anything was.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { EXIT, LoggerError, messageOf } from '../../src/base/errors.js';
import { createLog, startCapture } from '../../src/commands/capture.js';
import { exchangeDefaults } from '../../src/commands/exchanges.js';
import { runVerify } from '../../src/commands/verify.js';
import { loadConfig } from '../../src/config/load.js';
import type { SESSION_COUNTERS } from '../../src/counters/declarations.js';
import { loadExchange } from '../../src/exchanges/index.js';
import type { Exchange } from '../../src/feed/exchange.js';
import { channelOptions, KLINES_CHANNEL } from '../../src/feed/plan.js';
import { listTableDays } from '../../src/store/read/reader.js';
import type { SessionStatus } from '../../src/supervisor/snapshot.js';

const SYMBOLS = 3;
/** An exchange that is there answers sooner, also when it wants requests one by one. */
const CONNECT_SECS = 30;
const LOOK_MS = 100;

const HELP = `npm run test:live -- <exchange> [symbols…]
  --seconds <s>            how long to capture (30)
  --channels <a,b>         instead of all, of those that fill the same table the first
  --ws-endpoint <url>      another address, e.g. that of logger simulate
  --rest-endpoint <url>    the same for REST
  --keep                   leave the files`;

/** Counters that stay 0 with a healthy exchange, its messages known and its connection up. */
const MUST_BE_ZERO = [
  'slow_path',
  'unknown_kind',
  'rejected',
  'unwanted',
  'lost',
  'dropped',
  'missing',
  'resyncs',
  'failures',
  'stale',
  'breaker',
  'refused',
  'silent',
] as const satisfies readonly (keyof typeof SESSION_COUNTERS)[];
const SHOWN = ['messages', 'control', 'rows', ...MUST_BE_ZERO] as const;

function options() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: 'string', default: '30' },
      channels: { type: 'string' },
      'ws-endpoint': { type: 'string' },
      'rest-endpoint': { type: 'string' },
      keep: { type: 'boolean', default: false },
    },
  });
  const [exchange, ...symbols] = positionals;
  if (exchange === undefined || !(Number(values.seconds) > 0)) throw new LoggerError('USAGE', HELP);
  return { ...values, exchange, symbols, seconds: Number(values.seconds) };
}

type Options = ReturnType<typeof options>;

/** All channels; where several fill the same table the first. */
function channelsOf({ channels }: Exchange): string[] {
  const tables = new Set<unknown>();
  return channelOptions({ channels }).filter((name) => {
    if (name === KLINES_CHANNEL) return intervalsOf(channels).length > 0;
    const { table } = channels[name];
    return !tables.has(table) && tables.add(table);
  });
}

/** The candles that the exchange sends itself: those added up from trades take as long as their interval. */
function intervalsOf(channels: Exchange['channels']): string[] {
  return Object.values(channels).flatMap(({ interval }) => (interval === undefined ? [] : [interval]));
}

function configure(exchange: Exchange, folder: string, wanted: Options) {
  const symbols = wanted.symbols.length > 0 ? wanted.symbols : exchange.sampleSymbols.slice(0, SYMBOLS);
  const channels = wanted.channels?.split(',') ?? channelsOf(exchange);
  const section: Record<string, unknown> = { symbols, channels };
  const intervals = intervalsOf(exchange.channels);
  if (intervals.length > 0) section['kline_intervals'] = intervals;
  for (const name of ['ws-endpoint', 'rest-endpoint'] as const)
    if (wanted[name] !== undefined) section[name.replace('-', '_')] = wanted[name];
  const lines = Object.entries(section).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  const file = join(folder, 'live.toml');
  writeFileSync(
    file,
    `[logger]\ndata_path = ${JSON.stringify(join(folder, 'data'))}\nflush_interval_secs = 1\n[http]\nport = 0\n[exchanges.${exchange.id}]\nenabled = true\n${lines.join('\n')}\n`,
  );
  return loadConfig(file, { exchanges: exchangeDefaults([exchange]), sinks: [] }, {});
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Captures, and answers what every connection has counted. */
async function captureFor(exchange: Exchange, config: ReturnType<typeof configure>, seconds: number) {
  const section = config.exchanges[exchange.id];
  const capture = await startCapture(config, [exchange], createLog('warn'));
  const { supervisor } = capture;
  const up = () => {
    const { sessions } = supervisor.snapshot();
    return sessions.length > 0 && sessions.every(({ state }) => state === 'ACTIVE');
  };
  const end = performance.now() + CONNECT_SECS * 1000;
  while (!up() && performance.now() < end) await sleep(LOOK_MS);
  const reached = supervisor.snapshot().sessions;
  if (!up() && reached.every(({ counters }) => counters.messages === 0)) {
    await capture.stop();
    throw new LoggerError(
      'HANDSHAKE_FAILED',
      `${exchange.title} cannot be reached at ${section.ws_endpoint} and ${section.rest_endpoint}: see the warnings above, check that this machine may connect there (firewall, name server, country), or name other addresses with --ws-endpoint and --rest-endpoint`,
    );
  }
  await sleep(seconds * 1000);
  const { sessions } = supervisor.snapshot();
  if (!(await capture.stop())) throw new LoggerError('DISK_WRITE', 'not every row could be written');
  return sessions;
}

/** One line per counter, one column per connection. */
function report(sessions: readonly SessionStatus[]): string[] {
  const problems: string[] = [];
  const line = (name: string, cells: readonly (string | number)[], mark = '') =>
    console.log(name.padEnd(16) + cells.map((cell) => String(cell).padStart(14)).join('') + mark);
  line(
    '',
    sessions.map(({ exchange, session }) => `${exchange}-${session}`),
  );
  line(
    'state',
    sessions.map(({ state }) => state),
  );
  for (const name of SHOWN) {
    const values = sessions.map(({ counters }) => counters[name]);
    const bad = (MUST_BE_ZERO as readonly string[]).includes(name) && values.some((value) => value > 0);
    if (bad) problems.push(`${name} is not 0`);
    line(name, values, bad ? '  <' : '');
  }
  for (const { exchange, session, state } of sessions)
    if (state !== 'ACTIVE') problems.push(`connection ${exchange}-${session} is ${state}`);
  return problems;
}

/** Rows of every table that a channel fills, by symbol. */
function reportTables(
  exchange: Exchange,
  { symbols, channels }: { symbols: readonly string[]; channels: readonly string[] },
  data: string,
): string[] {
  const problems: string[] = [];
  for (const [name, { table, interval }] of Object.entries(exchange.channels)) {
    if (!channels.includes(interval === undefined ? name : KLINES_CHANNEL)) continue;
    const rows = symbols.map((symbol) =>
      listTableDays(data, { exchange: exchange.id, symbol, table: table.name }).reduce(
        (sum, tableDay) => sum + tableDay.rows,
        0,
      ),
    );
    const texts = symbols.map((symbol, i) => `${symbol} ${rows[i]}`);
    const empty = rows.every((count) => count === 0);
    if (empty) problems.push(`the channel ${name} has no rows in ${table.name}`);
    console.log(`${name.padEnd(16)}${table.name.padEnd(14)}${texts.join('  ')}${empty ? '  <' : ''}`);
  }
  return problems;
}

async function run(wanted: Options): Promise<boolean> {
  const exchange = await loadExchange(wanted.exchange);
  const folder = mkdtempSync(join(tmpdir(), 'logger-live-'));
  let good = false;
  try {
    const config = configure(exchange, folder, wanted);
    const section = config.exchanges[exchange.id];
    const symbols = section.symbols as readonly string[];
    console.log(
      `${exchange.title} at ${section.ws_endpoint}: ${section.channels.join(', ')} of ${symbols.join(', ')} for ${wanted.seconds} s`,
    );
    const sessions = await captureFor(exchange, config, wanted.seconds);
    const data = config.logger.data_path;
    const problems = [
      ...report(sessions),
      ...reportTables(exchange, { symbols, channels: section.channels }, data),
    ];
    if (!(await runVerify({ data }, process.stdout, process.stderr)))
      problems.push('logger verify finds damage or loss');
    good = problems.length === 0;
    console.log(good ? '\nall is well' : `\nNOT WELL: ${problems.join('; ')}`);
  } finally {
    if (wanted.keep || !good) console.log(`the files are in ${folder}`);
    else rmSync(folder, { recursive: true });
  }
  return good;
}

try {
  process.exit((await run(options())) ? EXIT.ok : EXIT.failed);
} catch (error) {
  console.error(messageOf(error));
  process.exit(error instanceof LoggerError ? error.exitStatus : EXIT.failed);
}
