/**
 * The logger as one of the programs that are compared: `logger run` with everything on, as a process. What it has taken
 * is read back from its column files. Runs in the process of a stage.
 */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServerEndpoint } from '../server/server.js';
import { Program } from './program.js';
import { STAMPS_ENV } from './stamped_logger.js';

const STAMPED = new URL('./stamped_logger.js', import.meta.url).href;
const CLI = fileURLToPath(new URL('../../src/cli.js', import.meta.url));
const LOOK_MS = 50;
/** The shortest, five times as many writes as by default: who waits until all rows are in files waits for that long. */
const FLUSH_INTERVAL_SECS = 1;
const SIZE_DECIMALS = 8;

/** What the stages vary. */
export interface LoggerSetup {
  readonly exchange: string;
  readonly channel: string;
  readonly symbolsPerConnection: number;
  readonly endpoint: ServerEndpoint;
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

function configOf({ exchange, channel, symbolsPerConnection, endpoint, folder }: LoggerSetup): string {
  const others = ['coinbase', 'binance'].filter((id) => id !== exchange);
  return [
    '[logger]',
    `data_path = ${JSON.stringify(join(folder, 'data'))}`,
    `flush_interval_secs = ${FLUSH_INTERVAL_SECS}`,
    '[http]',
    'port = 0',
    '[websocket]',
    `ca_file = ${JSON.stringify(endpoint.ca ?? '')}`,
    ...others.flatMap((id) => [`[exchanges.${id}]`, 'enabled = false']),
    `[exchanges.${exchange}]`,
    'enabled = true',
    `ws_endpoint = "${endpoint.ws}"`,
    `rest_endpoint = "${endpoint.rest}"`,
    'symbols = "all"',
    'max_connections = 1000',
    `symbols_per_connection = ${symbolsPerConnection}`,
    `channels = ${JSON.stringify([channel])}`,
    '',
  ].join('\n');
}

export class RunningLogger {
  readonly program: Program<LogLine>;
  readonly data: string;
  readonly stamps: string | undefined;

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

  async health(): Promise<Health> {
    const url = await this.program.line(({ msg }) => /health at (\S+)/.exec(msg)?.[1]);
    return (await (await fetch(url)).json()) as Health;
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

  /** Everything it has stored in a table. */
  stored(table: string): Stored {
    const folders = readdirSync(this.data, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name === table)
      .map(({ parentPath }) => join(parentPath, table));
    return folders
      .map(storedIn)
      .reduce((a, b) => ({ rows: a.rows + b.rows, size: a.size + b.size, bytes: a.bytes + b.bytes }), {
        rows: 0,
        size: 0,
        bytes: 0,
      });
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
