/**
 * `logger check-config`: validates the configuration and shows what would run: every value with its origin, then
 * which symbols go to which connection. The whole output is valid TOML. Connects to nothing unless --online.
 */
import { Command } from 'commander';
import { LoggerError } from '../base/errors.js';
import { effectiveToml, sampleToml } from '../config/document.js';
import { readConfig } from '../config/load.js';
import type { ExchangeConfig } from '../config/options.js';
import { loadExchanges } from '../exchanges/index.js';
import { restOf } from '../feed/connection/rest.js';
import type { Exchange } from '../feed/exchange.js';
import { planSessions, type SessionPlan, wantedChannels } from '../feed/plan.js';
import { configOption, examples, exitStatuses } from './common.js';
import { exchangeDefaults } from './exchanges.js';

interface CheckConfigOptions {
  readonly config: string;
  readonly printDefault?: boolean;
  readonly online?: boolean;
}

function planLine({ exchange, session, symbols, route }: SessionPlan): string {
  const range = symbols.length === 1 ? symbols[0] : `${symbols[0]} … ${symbols.at(-1)}`;
  return `# ${exchange.padEnd(18)}${String(session).padStart(10)}${String(symbols.length).padStart(9)}  ${range}${route === undefined ? '' : ` (${route})`}`;
}

/** The native symbols that an exchange lists as trading. */
async function listNatives(exchange: Exchange, config: ExchangeConfig): Promise<string[]> {
  const listed = await exchange.listSymbols(restOf(config.rest_endpoint, undefined));
  return listed.map(({ native }) => native);
}

/** The part of the plan table for one exchange; throws TOO_MANY_SYMBOLS. */
async function planOf(exchange: Exchange, config: ExchangeConfig, online = false): Promise<string[]> {
  const name = exchange.id.padEnd(18);
  if (!config.enabled) return [`# ${name}disabled`];
  const { channels } = wantedChannels(exchange, config);
  if (config.symbols === 'all' && !online) {
    return [
      `# ${name}symbols = "all": the list is fetched at start, for at most ` +
        `${config.max_connections} connections of ${config.symbols_per_connection} symbols`,
    ];
  }
  const symbols = config.symbols === 'all' ? await listNatives(exchange, config) : config.symbols;
  const plan = planSessions(exchange, symbols, channels, {
    maxConnections: config.max_connections,
    symbolsPerConnection: config.symbols_per_connection,
    redundancy: config.redundancy,
  });
  return plan.length === 0 ? [`# ${name}lists no symbols`] : plan.map(planLine);
}

async function checkConfig(exchanges: readonly Exchange[], options: CheckConfigOptions): Promise<void> {
  const defaults = exchangeDefaults(exchanges);
  const { config, origins } = readConfig(options.config, defaults);
  process.stdout.write(`# Values in force, and where each comes from\n\n`);
  process.stdout.write(effectiveToml(config, origins, defaults));
  process.stdout.write('\n# Shard plan\n# exchange          connection  symbols\n');
  const failures: LoggerError[] = [];
  for (const exchange of exchanges) {
    try {
      const lines = await planOf(exchange, config.exchanges[exchange.id], options.online);
      process.stdout.write(`${lines.join('\n')}\n`);
    } catch (error) {
      if (!(error instanceof LoggerError)) throw error;
      failures.push(error);
    }
  }
  if (failures.length > 0) {
    throw new LoggerError(failures[0].code, failures.map(({ message }) => message).join('\n'), {
      cause: failures[0],
    });
  }
}

export function checkConfigCommand(): Command {
  return new Command()
    .addOption(configOption())
    .option('--print-default', 'print a commented configuration with every default, and do nothing else')
    .option('--online', 'fetch the symbols of exchanges with symbols = "all" and plan them, too')
    .action(async (options: CheckConfigOptions) => {
      const exchanges = await loadExchanges();
      if (options.printDefault) process.stdout.write(sampleToml(exchangeDefaults(exchanges)));
      else await checkConfig(exchanges, options);
    })
    .addHelpText(
      'after',
      exitStatuses({ ok: 'the configuration is good', failed: 'symbols cannot be listed (--online)' }) +
        examples(
          'logger check-config --print-default > logger.toml',
          'logger check-config --config /etc/logger/logger.toml',
          'LOGGER__HTTP__PORT=9191 logger check-config',
        ),
    );
}
