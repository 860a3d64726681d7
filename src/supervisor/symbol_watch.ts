/** The symbols of all exchanges: one ExchangeSymbols each, none of which waits for another. Main thread. */
import type { Logger } from 'pino';
import { messageOf } from '../base/errors.js';
import type { Config } from '../config/options.js';
import type { Exchange, FetchJson, SymbolInfo } from '../feed/exchange.js';
import type { SymbolMapper } from '../symbols/mapper.js';
import { selectionOf } from '../symbols/selection.js';
import { roomOf, roomText } from './discovery.js';
import { ExchangeSymbols, type SymbolsStatus } from './exchange_symbols.js';

export interface SymbolWatchOptions {
  readonly config: Config;
  readonly exchanges: readonly Exchange[];
  readonly rest: (exchange: Exchange) => FetchJson;
  readonly mapper: SymbolMapper;
  readonly log: Logger;
  /** Captures these symbols of an exchange and no others. */
  readonly capture: (exchange: Exchange, symbols: readonly string[]) => Promise<void>;
  /** Keeps what an exchange lists. */
  readonly record: (exchange: Exchange, symbols: readonly SymbolInfo[], seenMs: number) => Promise<void>;
}

export class SymbolWatch {
  private readonly all: ReadonlyMap<string, ExchangeSymbols>;

  /** Throws TOO_MANY_SYMBOLS when names of the configuration do not fit. */
  constructor(private readonly options: SymbolWatchOptions) {
    this.all = new Map(options.exchanges.map((exchange) => [exchange.id, this.create(exchange)]));
  }

  private create(exchange: Exchange): ExchangeSymbols {
    const { config, rest, log, capture } = this.options;
    const section = config.exchanges[exchange.id];
    return new ExchangeSymbols({
      exchange: exchange.id,
      symbols: section.symbols,
      room: roomOf(exchange, config),
      roomText: roomText(exchange, config),
      intervalMs: config.symbols.refresh_secs * 1000,
      list: () => exchange.listSymbols(rest(exchange)),
      capture: (symbols) => capture(exchange, symbols),
      listed: (symbols) => this.register(exchange.id, symbols),
      record: (symbols, seenMs) => this.record(exchange, symbols, seenMs),
      log,
    });
  }

  /** The history lacks a row then, which the next list brings; nothing else has to do with that. */
  private async record(exchange: Exchange, symbols: readonly SymbolInfo[], seenMs: number): Promise<void> {
    try {
      await this.options.record(exchange, symbols, seenMs);
    } catch (error) {
      this.options.log.error(
        { exchange: exchange.id },
        `the history of instruments is not written: ${messageOf(error)}`,
      );
    }
  }

  private register(exchange: string, symbols: readonly SymbolInfo[]): void {
    for (const { native, base, quote } of symbols)
      this.options.mapper.register(exchange, native, base, quote);
  }

  /** What can be captured of an exchange before it has listed its symbols. */
  initial({ id }: Exchange): readonly string[] {
    return this.all.get(id)?.initial ?? [];
  }

  /** How many symbols may follow when the exchanges have listed theirs. */
  later(): number {
    return this.options.exchanges
      .filter(({ id }) => selectionOf(this.options.config.exchanges[id].symbols).needsList)
      .reduce((sum, exchange) => sum + roomOf(exchange, this.options.config), 0);
  }

  start(): void {
    for (const symbols of this.all.values()) symbols.start();
  }

  stop(): void {
    for (const symbols of this.all.values()) symbols.stop();
  }

  /** Takes over what another configuration names; what cannot be had of it stays as it is. */
  async change(config: Config): Promise<void> {
    await Promise.all(
      [...this.all].map(async ([exchange, symbols]) => {
        try {
          await symbols.change(config.exchanges[exchange].symbols);
        } catch (error) {
          this.options.log.error({ exchange }, `symbols stay as they are: ${messageOf(error)}`);
        }
      }),
    );
  }

  /** By exchange. */
  status(): Readonly<Record<string, SymbolsStatus>> {
    return Object.fromEntries([...this.all].map(([id, symbols]) => [id, symbols.status()]));
  }
}
