/**
 * `logger symbols`: questions to the symbol mappings. Reads symbol_mappings.yaml and nothing else; it never connects.
 */
import { Command, Option } from 'commander';
import { EXIT, LoggerError } from '../base/errors.js';
import { loadSymbolMapper } from '../symbols/file.js';
import type { Mapping } from '../symbols/mapper.js';
import { examples } from './common.js';

interface SymbolsOptions {
  readonly file: string;
  readonly json?: boolean;
  readonly exchange?: string;
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
    .addOption(new Option('--file <file>', 'symbol file').default('symbol_mappings.yaml'))
    .option('--json', 'answer with one JSON value')
    .addHelpText('after', examples(...lines));
}

function listCommand(): Command {
  return question('list', 'every mapping of the file', 'logger symbols list --exchange kraken')
    .option('--exchange <id>', 'only symbols that this exchange has')
    .action((options: SymbolsOptions) => {
      const { exchange } = options;
      const mappings = loadSymbolMapper(options.file).list();
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
    .action((exchange: string, native: string, options: SymbolsOptions) => {
      const normalized = loadSymbolMapper(options.file).normalize(exchange, native);
      if (normalized === undefined) {
        throw new LoggerError(
          'SYMBOL_UNKNOWN',
          `${options.file} has no mapping for ${native} of ${exchange}; \`logger symbols list --exchange ${exchange}\` shows what it has`,
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
    .action((base: string, quote: string, options: SymbolsOptions) => {
      answerMappings(options, loadSymbolMapper(options.file).findRelated(base, quote));
    });
}

function usdPairsCommand(): Command {
  return question(
    'usd-pairs',
    'every mapping of an asset against the dollar or its equivalents',
    'logger symbols usd-pairs ETH --json',
  )
    .argument('<asset>', 'e.g. ETH')
    .action((asset: string, options: SymbolsOptions) => {
      answerMappings(options, loadSymbolMapper(options.file).getUsdPairs(asset));
    });
}

function equivalentCommand(): Command {
  return question(
    'equivalent',
    'whether two normalized symbols, or two assets, count as the same; exit status 1 if not',
    'logger symbols equivalent BTC-USD BTC-USDT',
  )
    .argument('<a>', 'normalized symbol or asset')
    .argument('<b>', 'normalized symbol or asset')
    .action((a: string, b: string, options: SymbolsOptions) => {
      const equivalent = loadSymbolMapper(options.file).areEquivalent(a, b);
      answer(options, equivalent, [equivalent ? 'yes' : 'no']);
      if (!equivalent) process.exitCode = EXIT.failed;
    });
}

export function symbolsCommand(): Command {
  const command = new Command().addHelpText(
    'after',
    examples('logger symbols usd-pairs BTC', 'logger symbols list --help'),
  );
  for (const make of [listCommand, normalizeCommand, relatedCommand, usdPairsCommand, equivalentCommand]) {
    command.addCommand(make());
  }
  return command;
}
