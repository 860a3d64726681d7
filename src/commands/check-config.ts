/**
 * `logger check-config`: validates the configuration and shows what would run: every value with its origin, then
 * which symbols go to which connection. The whole output is valid TOML. Connects to nothing unless --online.
 */
import { Command } from 'commander';
import { LoggerError } from '../base/errors.js';
import { effectiveToml, sampleToml } from '../config/document.js';
import { readConfig } from '../config/load.js';
import type { ExchangeConfig, ExchangeDefaults } from '../config/options.js';
import { planShards, type ShardPlan } from '../feed/plan.js';
import { configOption, examples } from './common.js';

/** Fetches the native symbols that an exchange lists as trading. */
export type ListSymbols = (exchange: string, config: ExchangeConfig) => Promise<readonly string[]>;

interface CheckConfigOptions {
  readonly config: string;
  readonly printDefault?: boolean;
  readonly online?: boolean;
}

function planLine({ exchange, shard, symbols }: ShardPlan): string {
  const range = symbols.length === 1 ? symbols[0] : `${symbols[0]} … ${symbols.at(-1)}`;
  return `# ${exchange.padEnd(12)}${String(shard).padStart(10)}${String(symbols.length).padStart(9)}  ${range}`;
}

/** The part of the plan table for one exchange; throws TOO_MANY_SYMBOLS. */
async function planOf(exchange: string, config: ExchangeConfig, list?: ListSymbols): Promise<string[]> {
  if (!config.enabled) return [`# ${exchange.padEnd(12)}disabled`];
  const symbols = config.symbols === 'all' ? await list?.(exchange, config) : config.symbols;
  if (symbols === undefined) {
    return [
      `# ${exchange.padEnd(12)}symbols = "all": the list is fetched at start, for at most ` +
        `${config.max_connections} connections of ${config.symbols_per_connection} symbols`,
    ];
  }
  const plan = planShards(exchange, symbols, config.max_connections, config.symbols_per_connection);
  return plan.length === 0 ? [`# ${exchange.padEnd(12)}lists no symbols`] : plan.map(planLine);
}

async function checkConfig(
  exchanges: readonly ExchangeDefaults[],
  options: CheckConfigOptions,
  listSymbols?: ListSymbols,
): Promise<void> {
  const { config, origins } = readConfig(options.config, exchanges);
  process.stdout.write(`# Values in force, and where each comes from\n\n`);
  process.stdout.write(effectiveToml(config, origins, exchanges));
  process.stdout.write('\n# Shard plan\n# exchange    connection  symbols\n');
  const failures: LoggerError[] = [];
  for (const { id } of exchanges) {
    try {
      const lines = await planOf(id, config.exchanges[id], options.online ? listSymbols : undefined);
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

/** Without `listSymbols` there is no --online. */
export function checkConfigCommand(
  exchanges: readonly ExchangeDefaults[],
  listSymbols?: ListSymbols,
): Command {
  const command = new Command('check-config')
    .description('validate the configuration and show what it amounts to')
    .addOption(configOption())
    .option('--print-default', 'print a commented configuration with every default, and do nothing else')
    .action(async (options: CheckConfigOptions) => {
      if (options.printDefault) process.stdout.write(sampleToml(exchanges));
      else await checkConfig(exchanges, options, listSymbols);
    });
  if (listSymbols !== undefined) {
    command.option('--online', 'fetch the symbols of exchanges with symbols = "all" and plan them, too');
  }
  return command.addHelpText(
    'after',
    examples(
      'logger check-config --print-default > logger.toml',
      'logger check-config --config /etc/logger/logger.toml',
      'LOGGER__HTTP__PORT=9191 logger check-config',
    ),
  );
}
