/** Exchanges and files that the configuration tests share. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LoggerError } from '../../src/base/errors.js';
import { type Environment, readConfig } from '../../src/config/load.js';
import type { ExchangeDefaults, Plugins } from '../../src/config/options.js';
import { loadSinkKinds } from '../../src/sinks/index.js';

export const EXCHANGES: readonly ExchangeDefaults[] = [
  {
    id: 'coinbase',
    ws_endpoint: 'wss://ws-feed.exchange.coinbase.com',
    rest_endpoint: 'https://api.exchange.coinbase.com',
    max_connections: 10,
    symbols_per_connection: 50,
    connection_secs_max: 0,
    channels: ['ticker', 'trades'],
    default_channels: ['ticker', 'trades'],
    enabled: true,
    sample_symbols: ['A', 'B'],
  },
  {
    id: 'binance',
    ws_endpoint: 'wss://stream.binance.com:9443',
    rest_endpoint: 'https://api.binance.com',
    max_connections: 5,
    symbols_per_connection: 100,
    connection_secs_max: 86_400,
    channels: ['ticker', 'trades', 'bbo'],
    default_channels: ['ticker', 'trades'],
    enabled: true,
    sample_symbols: ['A', 'B'],
  },
];

export const PLUGINS: Plugins = { exchanges: EXCHANGES, sinks: await loadSinkKinds() };

const folder = mkdtempSync(join(tmpdir(), 'logger-config-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
let files = 0;

/** A new file with this text; its path. */
export function fileWith(text: string): string {
  const path = join(folder, `${++files}.toml`);
  writeFileSync(path, text);
  return path;
}

/** Loads a configuration from its text. */
export function read(text: string, env: Environment = {}) {
  return readConfig(fileWith(text), PLUGINS, env);
}

/** The problems of a configuration, one a line, with the path of the file as FILE. */
export function problems(text: string, env: Environment = {}): string[] {
  const path = fileWith(text);
  try {
    readConfig(path, PLUGINS, env);
  } catch (error) {
    if (!(error instanceof LoggerError) || error.code !== 'CONFIG_INVALID') throw error;
    return error.message.replaceAll(path, 'FILE').split('\n');
  }
  return [];
}
