/** The exchanges of this program as the configuration sees them. Used by cli.ts and by scripts/generate.mjs. */
import type { ExchangeDefaults } from '../config/options.js';
import type { Exchange } from '../feed/exchange.js';
import { channelOptions } from '../feed/plan.js';

/** Defaults and channels of the section of each exchange. */
export function exchangeDefaults(exchanges: readonly Exchange[]): ExchangeDefaults[] {
  return exchanges.map((exchange) => ({
    id: exchange.id,
    ...exchange.defaults,
    enabled: exchange.defaults.enabled ?? true,
    connection_secs_max: exchange.connectionSecsMax ?? 0,
    channels: channelOptions(exchange),
    default_channels: exchange.defaults.channels,
    sample_symbols: exchange.sampleSymbols,
  }));
}
