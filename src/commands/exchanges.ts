/**
 * The exchanges of this program as the configuration sees them: their defaults and channels. Used by cli.ts and by
 * scripts/generate.mjs.
 */
import type { ExchangeDefaults } from '../config/options.js';

export const EXCHANGE_DEFAULTS: readonly ExchangeDefaults[] = [
  {
    id: 'coinbase',
    ws_endpoint: 'wss://ws-feed.exchange.coinbase.com',
    rest_endpoint: 'https://api.exchange.coinbase.com',
    max_connections: 10,
    symbols_per_connection: 50,
    channels: ['ticker', 'trades'],
    default_channels: ['ticker', 'trades'],
  },
  {
    id: 'binance',
    ws_endpoint: 'wss://stream.binance.com:9443',
    rest_endpoint: 'https://api.binance.com',
    max_connections: 5,
    symbols_per_connection: 100,
    channels: ['ticker', 'trades', 'bbo'],
    default_channels: ['ticker', 'trades'],
  },
];
