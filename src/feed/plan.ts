/** Which symbols go to which connection. Called by the supervisor at start and by check-config. */
import { assert, LoggerError } from '../base/errors.js';

/** One connection, one thread, one ring. */
export interface ShardPlan {
  readonly exchange: string;
  /** number of the connection within the exchange, from 0 */
  readonly shard: number;
  /** native symbols, in the order given */
  readonly symbols: readonly string[];
}

/**
 * Fills connections in order with `symbolsPerConnection` each, so there are as few as possible. More symbols than
 * the connections can carry is TOO_MANY_SYMBOLS, a symbol given twice CONFIG_INVALID: nothing is cut silently.
 */
export function planShards(
  exchange: string,
  symbols: readonly string[],
  maxConnections: number,
  symbolsPerConnection: number,
): ShardPlan[] {
  assert(maxConnections > 0 && symbolsPerConnection > 0, 'a shard plan has room');
  const seen = new Set<string>();
  for (const symbol of symbols) {
    if (seen.has(symbol)) {
      throw new LoggerError('CONFIG_INVALID', `${exchange}: symbol ${symbol} is listed twice; remove one`);
    }
    seen.add(symbol);
  }
  const room = maxConnections * symbolsPerConnection;
  if (symbols.length > room) {
    throw new LoggerError(
      'TOO_MANY_SYMBOLS',
      `${exchange}: ${symbols.length} symbols do not fit into max_connections (${maxConnections}) × symbols_per_connection (${symbolsPerConnection}) = ${room}; ` +
        `raise one of them or list fewer symbols in [exchanges.${exchange}]`,
    );
  }
  return Array.from({ length: Math.ceil(symbols.length / symbolsPerConnection) }, (_, shard) => ({
    exchange,
    shard,
    symbols: symbols.slice(shard * symbolsPerConnection, (shard + 1) * symbolsPerConnection),
  }));
}
