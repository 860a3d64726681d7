/**
 * `logger symbols`: questions to the symbol mappings. Reads the symbol file and the configuration; it never connects.
 */
import { Command } from 'commander';
import { EXIT, LoggerError } from '../base/errors.js';
import { loadSymbolMapper, symbolFile } from '../symbols/file.js';
import type { Mapping } from '../symbols/mapper.js';
import { examples, exitStatuses } from './common.js';
import { type ConfigOptions, configOf, optionalConfigOption } from './data_options.js';

interface SymbolsOptions extends ConfigOptions {
  readonly file?: string;
  readonly json?: boolean;
  readonly exchange?: string;
}

/** The file that is meant, which `logger run` would use, too. */
async function fileOf(options: SymbolsOptions): Promise<string> {
  return options.file ?? symbolFile((await configOf(options)).logger.symbol_file);
}

/** Prints an answer as one JSON value or as lines. */
function answer(options: SymbolsOptions, value: unknown, lines: readonly string[]): void {
  const text = options.json ? [JSON.stringify(value)] : lines;
  process.stdout.write(text.map((line) => `${line}\n`).join(''));
}

function mappingLine({ normalized, quote_type, natives }: Mapping): string {
  const names = Object.entries(natives).map(([exchange, [first]]) => `${exchange}=${first}`);
  return `${normalized.padEnd(12)}${quote_type.padEnd(12)}${names.join('  ')}`;
}

function answerMappings(options: SymbolsOptions, mappings: readonly Mapping[]): void {
  answer(options, mappings, mappings.length > 0 ? mappings.map(mappingLine) : ['none']);
}

function question(name: string, description: string, ...lines: readonly string[]): Command {
  return new Command(name)
    .description(description)
    .addOption(optionalConfigOption())
    .option('--file <file>', 'symbol file (default: the one that the configuration means)')
    .option('--json', 'answer with one JSON value')
    .addHelpText(
      'after',
      exitStatuses(name === 'equivalent' ? { ok: 'yes', failed: 'no' } : { ok: 'answered' }) +
        examples(...lines),
    );
}

function listCommand(): Command {
  return question('list', 'every mapping of the file', 'logger symbols list --exchange kraken')
    .option('--exchange <id>', 'only symbols that this exchange has (default: all)')
    .action(async (options: SymbolsOptions) => {
      const { exchange } = options;
      const mappings = loadSymbolMapper(await fileOf(options)).list();
      answerMappings(
        options,
        exchange === undefined
          ? mappings
          : mappings.filter(({ natives }) => Object.hasOwn(natives, exchange)),
      );
    });
}

function normalizeCommand(): Command {
  return question(
    'normalize',
    "the normalized form of an exchange's own symbol",
    'logger symbols normalize kraken XBT/USD',
  )
    .argument('<exchange>', 'e.g. kraken')
    .argument('<symbol>', 'as the exchange writes it')
    .action(async (exchange: string, native: string, options: SymbolsOptions) => {
      const file = await fileOf(options);
      const normalized = loadSymbolMapper(file).normalize(exchange, native);
      if (normalized === undefined) {
        throw new LoggerError(
          'SYMBOL_UNKNOWN',
          `${file} has no mapping for ${native} of ${exchange}; \`logger symbols list --exchange ${exchange}\` shows what it has`,
        );
      }
      answer(options, normalized, [normalized]);
    });
}

function relatedCommand(): Command {
  return question(
    'related',
    'every mapping of an asset against a quote or what is equivalent to it',
    'logger symbols related BTC USDT',
  )
    .argument('<base>', 'e.g. BTC')
    .argument('<quote>', 'e.g. USDT')
    .action(async (base: string, quote: string, options: SymbolsOptions) => {
      answerMappings(options, loadSymbolMapper(await fileOf(options)).findRelated(base, quote));
    });
}

function usdPairsCommand(): Command {
  return question(
    'usd-pairs',
    'every mapping of an asset against the dollar or its equivalents',
    'logger symbols usd-pairs ETH --json',
  )
    .argument('<asset>', 'e.g. ETH')
    .action(async (asset: string, options: SymbolsOptions) => {
      answerMappings(options, loadSymbolMapper(await fileOf(options)).getUsdPairs(asset));
    });
}

function equivalentCommand(): Command {
  return question(
    'equivalent',
    'whether two normalized symbols, or two assets, count as the same',
    'logger symbols equivalent BTC-USD BTC-USDT',
  )
    .argument('<a>', 'normalized symbol or asset')
    .argument('<b>', 'normalized symbol or asset')
    .action(async (a: string, b: string, options: SymbolsOptions) => {
      const equivalent = loadSymbolMapper(await fileOf(options)).areEquivalent(a, b);
      answer(options, equivalent, [equivalent ? 'yes' : 'no']);
      if (!equivalent) process.exitCode = EXIT.failed;
    });
}

export function symbolsCommand(): Command {
  const command = new Command().addHelpText(
    'after',
    exitStatuses({ ok: 'answered, or yes', failed: 'no' }) +
      examples('logger symbols usd-pairs BTC', 'logger symbols list --help'),
  );
  for (const make of [listCommand, normalizeCommand, relatedCommand, usdPairsCommand, equivalentCommand]) {
    command.addCommand(make());
  }
  return command;
}
