/**
 * From the configuration to streams: which symbols, on which connection, under which name and in which folder. Main
 * thread, at start and on reload.
 */
import { assert, LoggerError } from '../base/errors.js';
import { STREAMS_MAX } from '../base/limits.js';
import { encodeName } from '../base/names.js';
import type { Config } from '../config/options.js';
import type { Exchange } from '../feed/exchange.js';
import { planSessions, routesOf, type SessionPlan, wantedChannels } from '../feed/plan.js';
import type { StreamSpec } from '../feed/rows/streams.js';
import { resumeStream, type StreamResume } from '../store/read/resume.js';
import type { SymbolMapper } from '../symbols/mapper.js';

/** How many symbols the connections of an exchange can carry, at each of the addresses that its channels need. */
export function roomOf(exchange: Exchange, config: Config): number {
  const section = config.exchanges[exchange.id];
  const routes = routesOf(exchange, wantedChannels(exchange, section).channels).size;
  return Math.floor(section.max_connections / routes / section.redundancy) * section.symbols_per_connection;
}

/** What to do when there are more. */
export function roomText(exchange: Exchange, config: Config): string {
  const { max_connections, symbols_per_connection } = config.exchanges[exchange.id];
  return (
    `max_connections (${max_connections}) × symbols_per_connection (${symbols_per_connection}) have room for ` +
    `${roomOf(exchange, config)}; raise one of them or name fewer in [exchanges.${exchange.id}]`
  );
}

export function planOf(exchange: Exchange, config: Config, symbols: readonly string[]): SessionPlan[] {
  const section = config.exchanges[exchange.id];
  return planSessions(exchange, symbols, wantedChannels(exchange, section).channels, {
    maxConnections: section.max_connections,
    symbolsPerConnection: section.symbols_per_connection,
    redundancy: section.redundancy,
  });
}

type Resumable = Pick<Exchange, 'id' | 'channels'>;

/** Numbers the streams of one process. */
export class StreamDirectory {
  private readonly byName = new Map<string, StreamSpec>();
  private readonly folders = new Map<string, string>();

  constructor(
    private readonly dataPath: string,
    private readonly mapper: SymbolMapper,
  ) {}

  /** The stream of a symbol, as an earlier process left it. Throws UNSAFE_NAME. */
  stream(exchange: Resumable, native: string): StreamSpec {
    const { id } = exchange;
    const known = this.find(exchange, native);
    if (known !== undefined) return known;
    assert(this.byName.size < STREAMS_MAX, 'streams are fewer than STREAMS_MAX');
    const directory = encodeName(native);
    this.refuseTwin(id, native, directory);
    const spec: StreamSpec = {
      stream: this.byName.size,
      exchange: id,
      native,
      symbol: this.mapper.normalize(id, native) ?? native,
      directory,
      resumedAfter: 'downtime',
      ...this.resume(exchange, directory),
    };
    this.byName.set(nameOf(id, native), spec);
    return spec;
  }

  /** The stream of a symbol that this process has captured. */
  find({ id }: Resumable, native: string): StreamSpec | undefined {
    return this.byName.get(nameOf(id, native));
  }

  /** The stream of a symbol that is taken up at run time: one that was let go before continues behind its files. */
  again(exchange: Resumable, native: string): StreamSpec {
    const known = this.find(exchange, native);
    return known === undefined
      ? this.stream(exchange, native)
      : this.resumed(exchange, known, 'unsubscribed');
  }

  /** A stream as its files are now; `cause`: what a gap before its next message comes from. */
  resumed(exchange: Resumable, spec: StreamSpec, cause: StreamSpec['resumedAfter']): StreamSpec {
    return { ...spec, ...this.resume(exchange, spec.directory), resumedAfter: cause };
  }

  private resume({ id, channels }: Resumable, directory: string): StreamResume {
    try {
      const numbered = Object.values(channels).filter(({ ids }) => ids === 'contiguous');
      const tables = numbered.map(({ table }) => table);
      const now = Date.now() / 1000;
      return resumeStream(this.dataPath, id, directory, tables, now, channels.trades?.idColumn);
    } catch (error) {
      // what cannot be read where we write is a matter of the disk
      if (!(error instanceof LoggerError) || error.code !== 'DATA_UNREADABLE') throw error;
      throw new LoggerError(
        'DISK_WRITE',
        `${error.message}; give it to the user of the logger, or move it away`,
      );
    }
  }

  /** Two symbols that differ in case alone would share a folder on some file systems. */
  private refuseTwin(exchange: string, native: string, directory: string): void {
    const folder = `${exchange}/${directory.toLowerCase()}`;
    const twin = this.folders.get(folder);
    if (twin !== undefined && twin !== native) {
      throw new LoggerError(
        'UNSAFE_NAME',
        `${exchange}: the symbols ${twin} and ${native} differ in case alone; list only one of them`,
      );
    }
    this.folders.set(folder, native);
  }
}

function nameOf(exchange: string, native: string): string {
  return `${exchange} ${native}`;
}
