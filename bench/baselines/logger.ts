/**
 * The logger as one of the programs that are compared: `logger run` with everything on, as a process. What it has taken
 * is read back from its column files. Runs in the process of a stage.
 */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PROTOCOLS } from '../../src/simulator/venues/index.js';
import { Program } from './program.js';
import { STAMPS_ENV } from './stamped_logger.js';

const STAMPED = new URL('./stamped_logger.js', import.meta.url).href;
const CLI = fileURLToPath(new URL('../../src/cli.js', import.meta.url));
const LOOK_MS = 50;
const SIZE_DECIMALS = 8;

/** An exchange it captures; its symbols are all that are listed. */
export interface CapturedExchange {
  readonly id: string;
  readonly ws: string;
  readonly rest: string;
  readonly channels: readonly string[];
  readonly symbolsPerConnection: number;
}

/** What the stages vary. */
export interface LoggerSetup {
  readonly exchanges: readonly CapturedExchange[];
  /** certificate to trust, with TLS */
  readonly ca?: string;
  readonly flushSecs: number;
  readonly folder: string;
  readonly signal: AbortSignal;
  /** what stands in front of its command */
  readonly placement: readonly string[];
  /** file for the times of its writes to the journal (journal_watch.ts) */
  readonly stamps?: string;
}

interface LogLine {
  readonly msg: string;
}

/** The part of GET /health that a benchmark looks at. */
export interface Health {
  readonly messages_dropped: number;
  readonly connections: { readonly up: number; readonly total: number };
  readonly writer: {
    readonly rows_written: number;
    readonly rows_waiting: number;
  };
}

/** What the column files of a table hold. */
export interface Stored {
  readonly rows: number;
  /** sum of sizes in units of 10^-8 */
  readonly size: number;
  readonly bytes: number;
}

function configOf({ exchanges, ca, flushSecs, folder }: LoggerSetup): string {
  const others = Object.keys(PROTOCOLS).filter((id) => !exchanges.some((exchange) => exchange.id === id));
  return [
    '[logger]',
    `data_path = ${JSON.stringify(join(folder, 'data'))}`,
    `flush_interval_secs = ${flushSecs}`,
    '[http]',
    'port = 0',
    '[websocket]',
    `ca_file = ${JSON.stringify(ca ?? '')}`,
    ...others.flatMap((id) => [`[exchanges.${id}]`, 'enabled = false']),
    ...exchanges.flatMap(sectionOf),
    '',
  ].join('\n');
}

function sectionOf({ id, ws, rest, channels, symbolsPerConnection }: CapturedExchange): string[] {
  return [
    `[exchanges.${id}]`,
    'enabled = true',
    `ws_endpoint = "${ws}"`,
    `rest_endpoint = "${rest}"`,
    'symbols = "all"',
    'max_connections = 1000',
    `symbols_per_connection = ${symbolsPerConnection}`,
    `channels = ${JSON.stringify(channels)}`,
  ];
}

export class RunningLogger {
  readonly program: Program<LogLine>;
  readonly data: string;
  readonly stamps: string | undefined;
  private readonly startedMs = performance.now();

  constructor(setup: LoggerSetup) {
    const { folder, signal, stamps, placement } = setup;
    mkdirSync(folder, { recursive: true });
    this.data = join(folder, 'data');
    this.stamps = stamps;
    const config = join(folder, 'logger.toml');
    writeFileSync(config, configOf(setup));
    const preload = stamps === undefined ? [] : ['--import', STAMPED];
    const command = [...placement, process.execPath, ...preload, CLI, 'run', '--config', config];
    this.program = new Program('logger', command, signal, { [STAMPS_ENV]: stamps });
  }

  private url(path: '/health' | '/ready'): Promise<string> {
    return this.program.line(({ msg }) => {
      const url = /health at (\S+)/.exec(msg)?.[1];
      return url === undefined ? undefined : new URL(path, url).href;
    });
  }

  async health(): Promise<Health> {
    return (await (await fetch(await this.url('/health'))).json()) as Health;
  }

  /** Waits until every connection is subscribed; answers the seconds since its start. */
  async ready(): Promise<number> {
    const url = await this.url('/ready');
    while (!(await fetch(url)).ok) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    return (performance.now() - this.startedMs) / 1000;
  }

  /** Waits until the writer has so many rows, or has them `in files`; what was dropped never comes, so it counts, too. */
  async has(rows: number, where: 'taken' | 'in files'): Promise<void> {
    for (;;) {
      const { writer, messages_dropped } = await this.health();
      const { rows_written, rows_waiting } = writer;
      if (rows_written + (where === 'taken' ? rows_waiting : 0) + messages_dropped >= rows) return;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  /** Everything it has stored in a table with sizes. */
  stored(table: string): Stored {
    return this.foldersOf(table)
      .map(storedIn)
      .reduce((a, b) => ({ rows: a.rows + b.rows, size: a.size + b.size, bytes: a.bytes + b.bytes }), {
        rows: 0,
        size: 0,
        bytes: 0,
      });
  }

  /** Rows that it has stored in a table. */
  rows(table: string): number {
    return this.foldersOf(table)
      .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
      .filter((file) => basename(file).startsWith('recv_time.'))
      .reduce((sum, file) => sum + statSync(file).size / 4, 0);
  }

  private foldersOf(table: string): string[] {
    return readdirSync(this.data, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name === table)
      .map(({ parentPath }) => join(parentPath, table));
  }
}

function wordsOf(file: string): Uint32Array {
  const bytes = readFileSync(file);
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

function storedIn(folder: string): Stored {
  let [rows, size, bytes] = [0, 0, 0];
  for (const name of readdirSync(folder)) {
    bytes += statSync(join(folder, name)).size;
    if (!name.startsWith('size_digits.')) continue;
    const digits = wordsOf(join(folder, name));
    const scales = wordsOf(join(folder, name.replace('size_digits', 'scales')));
    rows += scales.length;
    for (let row = 0; row < scales.length; row++) {
      const units = digits[2 * row] + digits[2 * row + 1] * 2 ** 32;
      size += units * 10 ** (SIZE_DECIMALS - ((scales[row] >>> 8) & 255));
    }
  }
  return { rows, size, bytes };
}
