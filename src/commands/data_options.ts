/**
 * `--config` and `--data` of the commands that look at what was captured, and what they mean. Apart from common.ts,
 * because reading a configuration takes every exchange.
 */
import { existsSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { loadConfig } from '../config/load.js';
import type { Config } from '../config/options.js';
import { loadExchanges } from '../exchanges/index.js';
import { CONFIG_FILE } from './common.js';
import { pluginsOf } from './plugins.js';

export interface ConfigOptions {
  readonly config?: string;
}

export interface DataOptions extends ConfigOptions {
  readonly data?: string;
}

/** What the command line gives of the options of a function that needs to know the data directory. */
export type CommandOptions<O extends { readonly data: string }> = Omit<O, 'data'> & DataOptions;

/** `--config` of a command that can do without a configuration. */
export function optionalConfigOption(): Option {
  return new Option(
    '-c, --config <file>',
    `configuration file (default: ${CONFIG_FILE} of the working directory, if it is there)`,
  );
}

/** Adds the options that say which data directory is meant. */
export function addDataOptions(command: Command): Command {
  return command
    .addOption(optionalConfigOption())
    .option('--data <path>', 'data directory (default: data_path of the configuration)');
}

/** The configuration that is named, else that of the working directory, else the defaults. */
export async function configOf({ config }: ConfigOptions): Promise<Config> {
  const file = config ?? (existsSync(CONFIG_FILE) ? CONFIG_FILE : undefined);
  return loadConfig(file, await pluginsOf(await loadExchanges()));
}

/** The options with the data directory that they mean. */
export async function withData<O extends DataOptions>(options: O): Promise<O & { readonly data: string }> {
  return { ...options, data: options.data ?? (await configOf(options)).logger.data_path };
}
