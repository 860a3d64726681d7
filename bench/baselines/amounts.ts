/** What a run of a program is asked for: which messages it gets, and how many. Runs in the process of a stage. */
import type { Channel } from '../../src/simulator/market/channels.js';
import { PROTOCOLS } from '../../src/simulator/venues/index.js';
import type { ServerOptions } from '../server/server.js';
import { TEMPLATES } from '../server/templates.js';
import type { StageContext } from '../stage.js';

export interface RunOptions extends ServerOptions {
  readonly channel: Channel;
  readonly symbolsPerConnection: number;
  /** messages per second behind the warm-up; as fast as they are taken when it does not say */
  readonly rate?: number;
  readonly warmup: number;
  readonly messages: number;
  /** of the logger and of a program that does the same work */
  readonly flushSecs: number;
  readonly folder: string;
  readonly signal: AbortSignal;
  /** told of what the logger has dropped: the run is of no use then */
  dropped(count: number): void;
}

/**
 * Of the logger where a run lasts for seconds: the shortest it takes, five times as many writes as by default, because
 * to wait until all rows are in files takes that long.
 */
export const SHORT_FLUSH_SECS = 1;

/**
 * Seconds of messages in front of those that are measured, the same for all programs: behind them compilers are through
 * with nearly everything, files are made and buffers have their size.
 */
const WARMUP_S = 1;
/** Messages per second that the logger takes, roughly. */
const LOGGER_RATE = 800_000;
/** Each connection is a thread, whose compiler knows nothing of what the others have learnt. */
const WARMUP_S_PER_CONNECTION = 0.3;

type Amount = Pick<RunOptions, 'messages' | 'warmup'>;

/** For a program that takes about `rate` messages per second, of which `seconds` are measured. */
export function amountOf({ effort }: Pick<StageContext, 'effort'>, rate: number, seconds: number): Amount {
  return { messages: Math.ceil(rate * seconds * effort), warmup: Math.ceil(rate * WARMUP_S) };
}

/** The same for the logger. */
export function loggerAmountOf(
  context: Pick<StageContext, 'effort'>,
  connections: number,
  seconds: number,
): Amount {
  const { messages, warmup } = amountOf(context, LOGGER_RATE, seconds);
  return { messages, warmup: warmup + Math.ceil(LOGGER_RATE * WARMUP_S_PER_CONNECTION * connections) };
}

/** The messages of a run as they stand before their digits are put in place, for the hash of the report's input. */
export function tellInput(
  { input }: Pick<StageContext, 'input'>,
  { exchange, channel, symbols }: RunOptions,
): void {
  const template = TEMPLATES[exchange][channel];
  for (const listing of PROTOCOLS[exchange].listings(symbols))
    input(Buffer.from(template?.text(listing, false) ?? ''));
}

/** Symbols that the server of an exchange lists. */
export function symbolsOf(exchange: string, count: number): string[] {
  return PROTOCOLS[exchange]
    .listings(count)
    .filter(({ closed }) => closed !== true)
    .map(({ name }) => name);
}
