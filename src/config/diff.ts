/** What a reload changes, and which of it can be applied at run time. Used by the supervisor on SIGHUP. */
import { isDeepStrictEqual } from 'node:util';
import type { Applies } from './kinds.js';
import { type Config, exchangeSection, type Options, SECTIONS } from './options.js';

export interface ConfigChange {
  /** full key, e.g. `exchanges.binance.symbols` */
  readonly key: string;
  readonly before: unknown;
  readonly after: unknown;
  readonly applies: Applies;
}

/** What applies at run time does not depend on an exchange's defaults. */
const EXCHANGE_OPTIONS = exchangeSection({
  id: '',
  ws_endpoint: '',
  rest_endpoint: '',
  max_connections: 1,
  symbols_per_connection: 1,
  connection_secs_max: 0,
  channels: [],
  default_channels: [],
  enabled: true,
  sample_symbols: [],
}).options;

function compare(
  prefix: string,
  options: Options,
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): ConfigChange[] {
  return Object.entries(options)
    .filter(([name]) => !isDeepStrictEqual(before[name], after[name]))
    .map(([name, { applies }]) => ({
      key: `${prefix}.${name}`,
      before: before[name],
      after: after[name],
      applies,
    }));
}

/** A sink is begun, ended or begun again as a whole. */
function compareSinks(before: Config['sinks'], after: Config['sinks']): ConfigChange[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((name) => !isDeepStrictEqual(before[name], after[name]))
    .map((name) => ({
      key: `sinks.${name}`,
      before: before[name],
      after: after[name],
      applies: 'reload',
    }));
}

/** Every changed key, in the order of the file. Both configurations were loaded with the same exchanges. */
export function diffConfig(before: Config, after: Config): ConfigChange[] {
  return [
    ...Object.entries(SECTIONS).flatMap(([name, { options }]) =>
      compare(name, options, before[name as keyof typeof SECTIONS], after[name as keyof typeof SECTIONS]),
    ),
    ...Object.keys(before.exchanges).flatMap((id) =>
      compare(`exchanges.${id}`, EXCHANGE_OPTIONS, before.exchanges[id], after.exchanges[id]),
    ),
    ...compareSinks(before.sinks, after.sinks),
  ];
}
