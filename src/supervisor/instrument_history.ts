/**
 * The history of the instruments of one exchange: a row of INSTRUMENTS when a captured symbol is first seen in a list, and
 * whenever a list says something else of it than its newest row on disk. It goes on for symbols that are not captured
 * any more. What a crash keeps from reaching the disk is no loss: the next start finds the same difference. Main thread.
 */
import { setImmediate } from 'node:timers/promises';
import type { Exchange, SymbolInfo } from '../feed/exchange.js';
import { factsOf, type InstrumentValues, instrumentRecord } from '../schema/instrument.js';
import { STREAM_WORD } from '../schema/layout.js';
import { INSTRUMENTS } from '../schema/tables.js';
import { newestInstrument } from '../store/read/instruments.js';
import { listSymbols } from '../store/read/reader.js';
import type { Fleet } from './fleet.js';
import { MISSING_LISTS } from './symbol_choice.js';
import type { WriterLink } from './writer_link.js';

interface Instrument extends InstrumentValues {
  readonly native: string;
}

export interface InstrumentHistoryOptions {
  readonly exchange: Exchange;
  readonly dataPath: string;
  readonly fleet: Pick<Fleet, 'knows' | 'streamOf'>;
  readonly writer: Pick<WriterLink, 'writeInstruments'>;
}

export class InstrumentHistory {
  /** by symbol: what its newest row says, on disk or on its way there */
  private newest: Map<string, string> | undefined;
  /** by symbol: lists in a row that lack it */
  private readonly missing = new Map<string, number>();

  constructor(private readonly options: InstrumentHistoryOptions) {}

  /** Takes a list that came at `seenMs`, when the symbols that it means are captured. */
  async take(symbols: readonly SymbolInfo[], seenMs: number): Promise<void> {
    const { exchange, fleet, writer } = this.options;
    this.newest ??= await this.stored();
    // a name that stands in it twice counts once
    const listed = new Map<string, Instrument>(symbols.map((symbol) => [symbol.native, symbol]));
    const records: Uint32Array[] = [];
    for (const instrument of [...listed.values(), ...this.gone(listed)]) {
      const { native } = instrument;
      const before = this.newest.get(native);
      if (before === undefined && !fleet.knows(exchange, native)) continue;
      const record = instrumentRecord(instrument, seenMs);
      const facts = factsOf((column) => record[INSTRUMENTS.at[column]]);
      if (facts === before) continue;
      const stream = await fleet.streamOf(exchange, native);
      if (stream === undefined) continue;
      record[STREAM_WORD] = stream;
      records.push(record);
      this.newest.set(native, facts);
    }
    if (records.length > 0) writer.writeInstruments(records);
  }

  private async stored(): Promise<Map<string, string>> {
    const { exchange, dataPath } = this.options;
    const newest = new Map<string, string>();
    for (const symbol of listSymbols(dataPath, exchange.id)) {
      const facts = newestInstrument(dataPath, exchange.id, symbol);
      if (facts !== undefined) newest.set(symbol, facts);
      // there may be thousands, and whoever asks for /health does not wait for them
      await setImmediate();
    }
    return newest;
  }

  /** Symbols with a history that are not listed any more. */
  private gone(listed: ReadonlyMap<string, unknown>): Instrument[] {
    const { missing, newest } = this;
    for (const native of newest?.keys() ?? [])
      if (listed.has(native)) missing.delete(native);
      else missing.set(native, (missing.get(native) ?? 0) + 1);
    return [...missing]
      .filter(([, lists]) => lists >= MISSING_LISTS)
      .map(([native]) => ({ native, state: 'unlisted', tick: '', lot: '' }));
  }
}
