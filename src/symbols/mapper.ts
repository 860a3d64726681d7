/**
 * Native symbols of the exchanges and their normalized form `BASE-QUOTE`, both ways. Used by the supervisor (symbol
 * discovery) and the commands; the hot path knows only stream numbers.
 *
 * Two sources: symbol_mappings.yaml, which wins, and the base and quote that an exchange itself lists (register).
 * A symbol that neither knows stays unknown; nothing is guessed from the spelling of a name.
 */

export type QuoteType = 'fiat' | 'stablecoin' | 'crypto';

/** One normalized symbol with the names it has at each exchange, the preferred one first. */
export interface Mapping {
  readonly normalized: string;
  readonly base: string;
  readonly quote: string;
  /** unknown where only an exchange listed the symbol and the file does not name its quote asset */
  readonly quote_type: QuoteType | 'unknown';
  readonly natives: Readonly<Record<string, readonly string[]>>;
}

/** What a symbol file says; made by symbols/file.ts, already free of contradictions. */
export interface SymbolFile {
  readonly exchanges: readonly string[];
  readonly mappings: readonly Mapping[];
  /** assets that count as the same, by name of the group */
  readonly equivalence: Readonly<Record<string, readonly string[]>>;
}

interface Entry {
  readonly mapping: Omit<Mapping, 'natives'>;
  /** by exchange, the preferred one first */
  readonly natives: Map<string, Set<string>>;
}

export class SymbolMapper {
  private readonly entries = new Map<string, Entry>();
  /** normalized name by exchange and native name */
  private readonly fromFile = new Map<string, Map<string, string>>();
  private readonly registered = new Map<string, Map<string, string>>();
  private readonly groupOf = new Map<string, string>();
  private readonly quoteTypes = new Map<string, QuoteType | 'unknown'>();

  constructor(file: SymbolFile) {
    for (const { natives, ...mapping } of file.mappings) {
      this.entries.set(mapping.normalized, {
        mapping,
        natives: new Map(Object.entries(natives).map(([exchange, names]) => [exchange, new Set(names)])),
      });
      this.quoteTypes.set(mapping.quote, mapping.quote_type);
      for (const [exchange, names] of Object.entries(natives)) {
        for (const native of names) namesOf(this.fromFile, exchange).set(native, mapping.normalized);
      }
    }
    for (const [group, assets] of Object.entries(file.equivalence)) {
      for (const asset of assets) this.groupOf.set(asset, group);
    }
  }

  /** The normalized form of a native symbol; undefined when neither the file nor the exchange says. */
  normalize(exchange: string, native: string): string | undefined {
    return this.fromFile.get(exchange)?.get(native) ?? this.registered.get(exchange)?.get(native);
  }

  /** The name to subscribe at an exchange; undefined when it is not known to list the symbol. */
  toExchange(normalized: string, exchange: string): string | undefined {
    const [first] = this.entries.get(normalized)?.natives.get(exchange) ?? [];
    return first;
  }

  /**
   * Takes a symbol from an exchange's own listing and returns its normalized form: the file's where it names the
   * symbol, else `BASE-QUOTE`. A later listing of the same native name replaces the earlier one. A listing without
   * base or quote is not taken: undefined.
   */
  register(exchange: string, native: string, base: string, quote: string): string | undefined {
    const named = this.fromFile.get(exchange)?.get(native);
    if (named !== undefined) return named;
    if (native === '' || base === '' || quote === '') return undefined;
    const normalized = `${base}-${quote}`;
    const names = namesOf(this.registered, exchange);
    const earlier = names.get(native);
    if (earlier === normalized) return normalized;
    if (earlier !== undefined) this.forget(exchange, native, earlier);
    names.set(native, normalized);
    let entry = this.entries.get(normalized);
    if (entry === undefined) {
      const quote_type = this.quoteTypes.get(quote) ?? 'unknown';
      entry = { mapping: { normalized, base, quote, quote_type }, natives: new Map() };
      this.entries.set(normalized, entry);
    }
    const natives = entry.natives.get(exchange);
    if (natives === undefined) entry.natives.set(exchange, new Set([native]));
    else natives.add(native);
    return normalized;
  }

  /** Every mapping, those of the file first. */
  list(): Mapping[] {
    return [...this.entries.values()].map(({ mapping, natives }) => ({
      ...mapping,
      natives: Object.fromEntries([...natives].map(([exchange, names]) => [exchange, [...names]])),
    }));
  }

  /** Every mapping with this base and a quote that is the same as or equivalent to this one. */
  findRelated(base: string, quote: string): Mapping[] {
    return this.list().filter((mapping) => mapping.base === base && this.sameAsset(mapping.quote, quote));
  }

  /** Every mapping of an asset against the dollar or what the file declares equivalent to it. */
  getUsdPairs(asset: string): Mapping[] {
    return this.findRelated(asset, 'USD');
  }

  /**
   * Whether two normalized symbols have the same base and equivalent quotes; for two plain assets, whether they are
   * equivalent. A symbol and an asset never are.
   */
  areEquivalent(a: string, b: string): boolean {
    const [baseA, quoteA] = this.split(a);
    const [baseB, quoteB] = this.split(b);
    if (quoteA === undefined || quoteB === undefined)
      return quoteA === quoteB && this.sameAsset(baseA, baseB);
    return baseA === baseB && this.sameAsset(quoteA, quoteB);
  }

  private sameAsset(a: string, b: string): boolean {
    const group = this.groupOf.get(a);
    return a === b || (group !== undefined && group === this.groupOf.get(b));
  }

  /** Base and quote of a known symbol, else of the two sides of its dash; a plain asset has no quote. */
  private split(name: string): [string, string | undefined] {
    const known = this.entries.get(name)?.mapping;
    if (known !== undefined) return [known.base, known.quote];
    const dash = name.lastIndexOf('-');
    return dash < 0 ? [name, undefined] : [name.slice(0, dash), name.slice(dash + 1)];
  }

  private forget(exchange: string, native: string, normalized: string): void {
    const { natives } = this.entries.get(normalized)!;
    const left = natives.get(exchange)!;
    left.delete(native);
    if (left.size === 0) natives.delete(exchange);
    if (natives.size === 0) this.entries.delete(normalized);
  }
}

function namesOf(all: Map<string, Map<string, string>>, exchange: string): Map<string, string> {
  let names = all.get(exchange);
  if (names === undefined) all.set(exchange, (names = new Map()));
  return names;
}
