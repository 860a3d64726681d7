/** The exchanges of this program as the configuration sees them. Used by cli.ts and by scripts/generate.mjs. */
import type { ExchangeDefaults } from '../config/options.js';
import type { Exchange } from '../feed/exchange.js';

/** Defaults and channels of the section of each exchange. */
export function exchangeDefaults(exchanges: readonly Exchange[]): ExchangeDefaults[] {
  return exchanges.map(({ id, defaults, channels, sampleSymbols }) => ({
    id,
    ...defaults,
    channels: Object.keys(channels),
    default_channels: defaults.channels,
    sample_symbols: sampleSymbols,
  }));
}
