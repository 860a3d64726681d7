/** What the configuration has to know of exchanges and sinks. Used by the commands and by scripts/generate.mjs. */
import type { Plugins } from '../config/options.js';
import type { Exchange } from '../feed/exchange.js';
import { loadSinkKinds } from '../sinks/index.js';
import { exchangeDefaults } from './exchanges.js';

export async function pluginsOf(exchanges: readonly Exchange[]): Promise<Plugins> {
  return { exchanges: exchangeDefaults(exchanges), sinks: await loadSinkKinds() };
}
