/**
 * The symbols of one exchange: asks for its list, at an interval and on a reload, and has captured what is meant by it.
 * The exchange's trouble stays here: a list that cannot be had is asked for again in the background, and neither this
 * nor a list with odd entries stops or delays another exchange. Main thread.
 *
 * Names without a pattern are captured at once; the list, when it comes, refuses those that it does not have.
 */
import type { Logger } from 'pino';
import { LoggerError, messageOf } from '../base/errors.js';
import { Backoff } from '../feed/connection/backoff.js';
import type { SymbolInfo } from '../feed/exchange.js';
import { selectionOf } from '../symbols/selection.js';
import { SymbolChoice } from './symbol_choice.js';

const RETRY_FIRST_MS = 1000;
const RETRY_LONGEST_MS = 60_000;
/** Sentences about symbols that /health shows. */
const SHOWN_MAX = 20;

type Symbols = 'all' | readonly string[];

interface List {
  readonly symbols: readonly SymbolInfo[];
  /** ms since 1970 */
  readonly seenMs: number;
}

/** What /health says of an exchange's symbols. */
export interface SymbolsStatus {
  /** symbols that the exchange lists; undefined until it has told */
  readonly listed: number | undefined;
  /** why the list cannot be had, or its symbols cannot be captured; undefined while all is well */
  readonly trouble: string | undefined;
  /** whether nothing can be captured before there is a list */
  readonly waiting: boolean;
  /** a sentence for each name or pattern that is not captured, and why */
  readonly refused: readonly string[];
}

export interface ExchangeSymbolsOptions {
  readonly exchange: string;
  /** what the configuration says */
  readonly symbols: Symbols;
  /** symbols that its connections can carry, and what to say when there are more */
  readonly room: number;
  readonly roomText: string;
  readonly intervalMs: number;
  readonly list: () => Promise<readonly SymbolInfo[]>;
  /** Captures these and no others. */
  readonly capture: (symbols: readonly string[]) => Promise<void>;
  /** Is told of every list. */
  readonly listed: (symbols: readonly SymbolInfo[]) => void;
  /** Keeps a list that came at `seenMs`, once what it means is captured. */
  readonly record: (symbols: readonly SymbolInfo[], seenMs: number) => Promise<void>;
  readonly log: Logger;
}

export class ExchangeSymbols {
  private readonly choice: SymbolChoice;
  private readonly backoff = new Backoff(RETRY_FIRST_MS, RETRY_LONGEST_MS);
  private symbols: Symbols;
  private captured: readonly string[];
  private size: number | undefined;
  private trouble: string | undefined;
  private refused: readonly string[] = [];
  private timer: NodeJS.Timeout | undefined;
  private turn: Promise<void> = Promise.resolve();
  private stopped = false;

  /** Throws TOO_MANY_SYMBOLS when the names alone do not fit. */
  constructor(private readonly options: ExchangeSymbolsOptions) {
    this.choice = new SymbolChoice(options.room, options.roomText);
    this.symbols = options.symbols;
    this.captured = this.withoutList();
  }

  /** What can be captured before there is a list. */
  get initial(): readonly string[] {
    return this.captured;
  }

  status(): SymbolsStatus {
    const { trouble, size, captured, refused } = this;
    const more = refused.length - SHOWN_MAX;
    return {
      listed: size,
      trouble,
      waiting: size === undefined && captured.length === 0,
      refused: more > 0 ? [...refused.slice(0, SHOWN_MAX), `and ${more} more`] : refused,
    };
  }

  /** Looks at the list now and from then on at the interval. */
  start(): void {
    void this.inTurn(() => this.lookAgain());
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  /** Takes another setting over; throws when it cannot be had, and then everything stays as it is. */
  change(symbols: Symbols): Promise<void> {
    return this.inTurn(async () => {
      const before = this.symbols;
      this.symbols = symbols;
      try {
        const names = this.withoutList();
        const list = await this.look();
        if (this.size !== undefined) await this.captureListed();
        else if (selectionOf(symbols).needsList) throw new LoggerError('REST_FAILED', `${this.trouble}`);
        else await this.capture(names);
        if (list !== undefined) await this.carriedOut(list);
      } catch (error) {
        this.symbols = before;
        throw error;
      }
    });
  }

  /** One after the other: each begins with what the one before has made of the connections. */
  private inTurn(act: () => Promise<void>): Promise<void> {
    const done = this.turn.then(act);
    this.turn = done.catch(() => undefined);
    return done;
  }

  /** Names that need no list. Throws TOO_MANY_SYMBOLS. */
  private withoutList(): string[] {
    const names = this.choice.withoutList(selectionOf(this.symbols));
    if (names.length <= this.options.room) return names;
    throw new LoggerError(
      'TOO_MANY_SYMBOLS',
      `${this.options.exchange}: ${names.length} symbols do not fit: ${this.options.roomText}`,
    );
  }

  private async lookAgain(): Promise<void> {
    try {
      const list = await this.look();
      if (this.size !== undefined) await this.captureListed();
      if (list !== undefined) await this.carriedOut(list);
    } catch (error) {
      this.failed(`its symbols cannot be captured: ${messageOf(error)}`);
    }
  }

  /** Asks for the list, and has it asked for again later; undefined when it did not come. */
  private async look(): Promise<List | undefined> {
    const { log, exchange, list, listed, intervalMs } = this.options;
    this.lookLater(intervalMs);
    try {
      const symbols = await list();
      const seenMs = Date.now();
      if (symbols.length === 0) throw new LoggerError('REST_FAILED', 'it is empty');
      for (const { was, is } of this.choice.take(symbols))
        log.info({ exchange, symbol: is.native, was: was?.status, is: is.status }, 'listing changed');
      this.size = symbols.length;
      listed(symbols);
      return { symbols, seenMs };
    } catch (error) {
      this.failed(`the list of symbols cannot be had: ${messageOf(error)}`);
      return undefined;
    }
  }

  private lookLater(delayMs: number): void {
    clearTimeout(this.timer);
    if (!this.stopped) this.timer = setTimeout(() => this.start(), delayMs);
  }

  /** Tries again before long. */
  private failed(trouble: string): void {
    const { log, exchange, intervalMs } = this.options;
    const delay = Math.min(intervalMs, this.backoff.next());
    if (trouble !== this.trouble) log.error({ exchange, retry_in_ms: Math.round(delay) }, trouble);
    this.trouble = trouble;
    this.lookLater(delay);
  }

  /** What a list means is captured. */
  private async carriedOut({ symbols, seenMs }: List): Promise<void> {
    const { log, exchange, record } = this.options;
    if (!this.stopped) await record(symbols, seenMs);
    if (this.trouble !== undefined) log.info({ exchange }, 'the symbols are in order again');
    this.trouble = undefined;
    this.backoff.reset();
  }

  private async captureListed(): Promise<void> {
    const { exchange, log } = this.options;
    const { symbols, refused } = this.choice.choose(this.symbols, this.captured);
    for (const text of refused) if (!this.refused.includes(text)) log.error({ exchange }, text);
    this.refused = refused;
    await this.capture(symbols);
  }

  private async capture(symbols: readonly string[]): Promise<void> {
    if (this.stopped) return;
    const before = new Set(this.captured);
    if (before.size === symbols.length && symbols.every((native) => before.has(native))) return;
    await this.options.capture(symbols);
    this.captured = symbols;
  }
}
