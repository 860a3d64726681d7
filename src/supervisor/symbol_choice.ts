/**
 * Which symbols of one exchange are to be captured, from what the configuration says, what the exchange lists and what
 * is captured already. No timers and no network, so that every case can be tested. Main thread.
 *
 *   a symbol that trades, will trade, or was not listed before ─► taken up
 *   a symbol in a halt, or missing in a list or two ────────────► stays
 *   a symbol that is delisted, or missing for longer ───────────► let go
 */
import { messageOf } from '../base/errors.js';
import { encodeName } from '../base/names.js';
import type { SymbolInfo } from '../feed/exchange.js';
import { type SymbolSelection, selectionOf, unknownText } from '../symbols/selection.js';

/** A symbol that so many lists in a row lack is let go: one list may have come from a server that is starting. */
export const MISSING_LISTS = 3;

export interface Chosen {
  readonly symbols: readonly string[];
  /** a sentence for each name or pattern that is not captured, and why */
  readonly refused: readonly string[];
}

export class SymbolChoice {
  private known = new Map<string, SymbolInfo>();
  /** the newest that was listed of every symbol, those that are gone included */
  private readonly ever = new Map<string, SymbolInfo>();
  /** first seen in a later list than the first: new, in whatever state */
  private readonly fresh = new Set<string>();
  /** lists in a row that lack a symbol which was listed before */
  private readonly missing = new Map<string, number>();

  constructor(
    /** symbols that the connections can carry, and what to say when there are more */
    private readonly room: number,
    private readonly roomText: string,
  ) {}

  /** Takes a list; a name that stands in it twice counts once. Answers what has changed since the one before. */
  take(symbols: readonly SymbolInfo[]): { readonly was: SymbolInfo | undefined; readonly is: SymbolInfo }[] {
    const first = this.ever.size === 0;
    this.known = new Map(symbols.map((symbol) => [symbol.native, symbol]));
    for (const native of this.ever.keys())
      if (this.known.has(native)) this.missing.delete(native);
      else this.missing.set(native, (this.missing.get(native) ?? 0) + 1);
    const changes = [...this.known.values()]
      .map((is) => ({ was: this.ever.get(is.native), is }))
      .filter(({ was, is }) => was?.status !== is.status);
    for (const symbol of this.known.values()) {
      if (!first && !this.ever.has(symbol.native)) this.fresh.add(symbol.native);
      this.ever.set(symbol.native, symbol);
    }
    return first ? [] : changes;
  }

  /** What can be captured before there is a list. */
  withoutList({ names, excludes }: SymbolSelection): string[] {
    return names.filter((native) => !excludes({ native, base: '', quote: '' }));
  }

  choose(symbols: 'all' | readonly string[], captured: readonly string[]): Chosen {
    const selection = selectionOf(symbols);
    const before = new Set(captured);
    const refused: string[] = [];
    const named = selection.names.filter((native) => this.accepts(native, selection, before, refused));
    const matched = this.matched(selection, before);
    if (selection.needsList && matched.length === 0)
      refused.push('no symbol that is listed is meant by the patterns');
    const possible = withoutTwins([...new Set([...named, ...matched])], refused);
    // those that are captured keep their place
    const ordered = [...possible].sort((a, b) => Number(before.has(b)) - Number(before.has(a)));
    const over = ordered.length - this.room;
    if (over > 0) refused.push(`${over} of ${ordered.length} symbols are not captured: ${this.roomText}`);
    return { symbols: ordered.slice(0, this.room), refused };
  }

  /** A symbol that is named. */
  private accepts(
    native: string,
    { excludes }: SymbolSelection,
    captured: ReadonlySet<string>,
    refused: string[],
  ): boolean {
    const symbol = this.known.get(native) ?? this.stays(native, captured);
    if (excludes(symbol ?? { native, base: '', quote: '' })) return false;
    if (symbol === undefined) refused.push(unknownText(native, this.known.keys()));
    else if (symbol.state === 'delisted') refused.push(`${native} is delisted`);
    else return true;
    return false;
  }

  private matched(
    { matches, excludes, needsList }: SymbolSelection,
    captured: ReadonlySet<string>,
  ): string[] {
    if (!needsList) return [];
    const absent = [...captured].map((native) => this.stays(native, captured)).filter((s) => s !== undefined);
    return [...this.known.values(), ...absent]
      .filter((symbol) => matches(symbol) && !excludes(symbol) && symbol.alias !== true)
      .filter(({ state }) => state !== 'delisted')
      .filter(({ state, native }) => state !== 'halted' || captured.has(native) || this.fresh.has(native))
      .map(({ native }) => native);
  }

  /** A captured symbol that the list lacks, while that may be a mistake of the list. */
  private stays(native: string, captured: ReadonlySet<string>): SymbolInfo | undefined {
    const missing = this.missing.get(native) ?? 0;
    return captured.has(native) && missing > 0 && missing < MISSING_LISTS ? this.ever.get(native) : undefined;
  }
}

/** Without names that cannot be a folder, and of two that differ in case alone without the second one. */
function withoutTwins(natives: readonly string[], refused: string[]): string[] {
  const folders = new Map<string, string>();
  return natives.filter((native) => {
    try {
      const folder = encodeName(native).toLowerCase();
      const twin = folders.get(folder);
      if (twin === undefined) folders.set(folder, native);
      else refused.push(`${native} is not captured: it differs from ${twin} in case alone`);
      return twin === undefined;
    } catch (error) {
      refused.push(`not captured: ${messageOf(error)}`);
      return false;
    }
  });
}
