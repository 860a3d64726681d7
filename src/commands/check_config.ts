/**
 * `logger check-config`: validates the configuration and shows what would run: every value with its origin, then
 * which symbols go to which connection. The whole output is valid TOML. Connects to nothing unless --online.
 */
import { Command } from 'commander';
import { LoggerError } from '../base/errors.js';
import { effectiveToml, sampleToml } from '../config/document.js';
import { readConfig } from '../config/load.js';
import type { Config } from '../config/options.js';
import { loadExchanges } from '../exchanges/index.js';
import { restOf } from '../feed/connection/rest.js';
import type { Exchange } from '../feed/exchange.js';
import type { SessionPlan } from '../feed/plan.js';
import { planOf, roomOf, roomText } from '../supervisor/discovery.js';
import { readCa } from '../supervisor/resources.js';
import { SymbolChoice } from '../supervisor/symbol_choice.js';
import { selectionOf } from '../symbols/selection.js';
import { configOption, examples, exitStatuses } from './common.js';
import { pluginsOf } from './plugins.js';

interface CheckConfigOptions {
  readonly config: string;
  readonly printDefault?: boolean;
  readonly online?: boolean;
}

function planLine({ exchange, session, symbols, route }: SessionPlan): string {
  const range = symbols.length === 1 ? symbols[0] : `${symbols[0]} … ${symbols.at(-1)}`;
  return `# ${exchange.padEnd(18)}${String(session).padStart(10)}${String(symbols.length).padStart(9)}  ${range}${route === undefined ? '' : ` (${route})`}`;
}

/** The part of the plan table for one exchange; throws TOO_MANY_SYMBOLS. */
async function planLines(exchange: Exchange, config: Config, online = false): Promise<string[]> {
  const name = exchange.id.padEnd(18);
  const section = config.exchanges[exchange.id];
  if (!section.enabled) return [`# ${name}disabled`];
  const choice = new SymbolChoice(roomOf(exchange, config), roomText(exchange, config));
  const selection = selectionOf(section.symbols);
  if (!online) {
    const later =
      `# ${name}symbols = ${JSON.stringify(section.symbols)}: the list is fetched at start, for at most ` +
      `${section.max_connections} connections of ${section.symbols_per_connection} symbols`;
    const plan = planOf(exchange, config, choice.withoutList(selection));
    return [...plan.map(planLine), ...(selection.needsList ? [later] : [])];
  }
  choice.take(
    await exchange.listSymbols(restOf(section.rest_endpoint, { ca: readCa(config.websocket.ca_file) })),
  );
  const { symbols, refused } = choice.choose(section.symbols, []);
  const plan = planOf(exchange, config, symbols);
  const lines = plan.length === 0 ? [`# ${name}lists no symbols`] : plan.map(planLine);
  return [...lines, ...refused.map((text) => `# ${name}not captured: ${text}`)];
}

async function checkConfig(exchanges: readonly Exchange[], options: CheckConfigOptions): Promise<void> {
  const plugins = await pluginsOf(exchanges);
  const { config, origins } = readConfig(options.config, plugins);
  process.stdout.write(`# Values in force, and where each comes from\n\n`);
  process.stdout.write(effectiveToml(config, origins, plugins));
  process.stdout.write('\n# Shard plan\n# exchange          connection  symbols\n');
  const failures: LoggerError[] = [];
  for (const exchange of exchanges) {
    try {
      const lines = await planLines(exchange, config, options.online);
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
    .option(
      '--online',
      'fetch what the exchanges list: plans "all" and patterns, too, and names what is not listed',
    )
    .action(async (options: CheckConfigOptions) => {
      const exchanges = await loadExchanges();
      if (options.printDefault) process.stdout.write(sampleToml(await pluginsOf(exchanges)));
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
