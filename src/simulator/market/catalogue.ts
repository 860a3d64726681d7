/**
 * Which symbols a simulated exchange lists, in a fixed order: real assets first, generated ones after them. The order
 * of magnitude of prices, ticks, lots, trade ids and volumes follows the asset.
 * Runs in the simulator process at start; used by the protocol files.
 */
import { hashText, mix32 } from './random.js';

/** A symbol as its exchange lists it. */
export interface Listing {
  /** native symbol */
  readonly name: string;
  readonly base: string;
  readonly quote: string;
  /** decimals of the tick */
  readonly price_scale: number;
  /** decimals of the lot */
  readonly size_scale: number;
  /** first price in ticks */
  readonly price_ticks: number;
  /** largest trade in lots */
  readonly size_lots_max: number;
  /** 24-hour volume at the start, in lots */
  readonly volume_lots: number;
  /** the last trade id before the simulation */
  readonly last_trade_id: number;
  /** 0 for the busiest symbol */
  readonly rank: number;
  /** listed, but not open for trading: never sends data */
  readonly closed?: boolean;
}

/** Rough prices in USD; only the order of magnitude matters. */
const ASSETS_USD: Readonly<Record<string, number>> = {
  BTC: 80691.53,
  ETH: 2950.4,
  SOL: 148.2,
  XRP: 2.21,
  DOGE: 0.1687,
  ADA: 0.612,
  AVAX: 21.9,
  LINK: 14.05,
  LTC: 92.3,
  BCH: 402.6,
  DOT: 4.12,
  UNI: 7.31,
  SHIB: 0.00001342,
  NEAR: 2.71,
  APT: 5.08,
  ARB: 0.39,
  OP: 0.81,
  ATOM: 4.43,
  FIL: 2.87,
  ETC: 18.02,
  ICP: 5.21,
  HBAR: 0.1712,
  VET: 0.0243,
  ALGO: 0.2014,
  XLM: 0.2761,
  AAVE: 182.6,
  GRT: 0.0931,
  MKR: 1504,
  SNX: 0.71,
  CRV: 0.62,
  LDO: 0.98,
  SUI: 3.42,
  SEI: 0.2123,
  TIA: 2.55,
  INJ: 11.3,
  RNDR: 4.21,
  IMX: 0.58,
  SAND: 0.2811,
  MANA: 0.3015,
  AXS: 2.49,
  CHZ: 0.0413,
  ENJ: 0.0812,
  BAT: 0.1402,
  ZRX: 0.251,
  COMP: 41.2,
  YFI: 5120,
  SKL: 0.0211,
  BAND: 0.71,
  NMR: 8.9,
  DASH: 21.4,
  ZEC: 38.2,
  EOS: 0.66,
  XTZ: 0.59,
  ENS: 19.3,
  APE: 0.52,
  MASK: 1.23,
  PEPE: 0.00000882,
  BONK: 0.00001571,
  WIF: 0.61,
  JASMY: 0.0162,
};
const QUOTES_USD: Readonly<Record<string, number>> = {
  USD: 1,
  USDT: 1,
  USDC: 1,
  FDUSD: 1,
  EUR: 1.09,
  GBP: 1.27,
  TRY: 0.026,
  KRW: 0.00072,
  BTC: 80691.53,
  ETH: 2950.4,
};
/** A name outside ASCII, as Binance lists some. */
const UNICODE_ASSET = { name: '币安人生', usd: 0.1021, position: 40 };

/** What differs between exchanges. */
export interface CatalogueRules {
  readonly quotes: readonly string[];
  /** how base and quote become the native symbol */
  readonly join: string;
  readonly size_scale: (usd: number) => number;
  readonly first_trade_id: number;
  readonly unicode: boolean;
}

const clamp = (low: number, value: number, high: number) => Math.min(high, Math.max(low, value));

function listing(rules: CatalogueRules, base: string, usd: number, quote: string, rank: number): Listing {
  const name = `${base}${rules.join}${quote}`;
  const price = usd / (QUOTES_USD[quote] ?? 1);
  const price_scale = clamp(price < 1e6 ? 2 : 0, 5 - Math.floor(Math.log10(price)), 8);
  const size_scale = rules.size_scale(usd);
  const lots = 10 ** size_scale;
  const volume = clamp(1000, 5e8 / (rank + 1) / usd, 2e6);
  return {
    name,
    base,
    quote,
    price_scale,
    size_scale,
    price_ticks: Math.max(200, Math.round(price * 10 ** price_scale)),
    size_lots_max: Math.floor(clamp(50, (2000 / usd) * lots, Math.min(1e9, (volume / 100) * lots))),
    volume_lots: Math.floor(volume * lots),
    last_trade_id: Math.floor(rules.first_trade_id / (rank + 1)) + (mix32(hashText(name)) % 1_000_000),
    rank,
  };
}

/** The first `count` listings of an exchange. */
export function catalogue(rules: CatalogueRules, count: number): Listing[] {
  const listings: Listing[] = [];
  for (const quote of rules.quotes) {
    for (const [base, usd] of Object.entries(ASSETS_USD)) {
      if (listings.length >= count) return listings;
      if (rules.unicode && listings.length === UNICODE_ASSET.position) {
        listings.push(listing(rules, UNICODE_ASSET.name, UNICODE_ASSET.usd, quote, listings.length));
      } else if (base !== quote && !(quote === 'ETH' && base === 'BTC')) {
        listings.push(listing(rules, base, usd, quote, listings.length));
      }
    }
  }
  for (let n = 1; listings.length < count; n++) {
    const base = `SIM${String(n).padStart(4, '0')}`;
    listings.push(listing(rules, base, 10 ** ((n % 6) - 2) * 1.37, rules.quotes[0], listings.length));
  }
  return listings;
}
