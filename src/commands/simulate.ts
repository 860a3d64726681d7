/**
 * `logger simulate`: a stand-in for the exchanges, with their wire protocols, on loopback ports. A process of its own;
 * the capture code knows nothing of it.
 */
import { Command, InvalidArgumentError } from 'commander';
import { EXIT, LoggerError, messageOf } from '../base/errors.js';
import { serverNotice } from '../server/start.js';
import { MIX_NAMES } from '../simulator/market/channels.js';
import { FAULT_KINDS, type FaultRequest, parseFaultText } from '../simulator/server/faults.js';
import {
  SIMULATOR_DEFAULTS,
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from '../simulator/simulator.js';
import { PROTOCOLS } from '../simulator/venues/index.js';
import { examples, exitStatuses, wholeNumber } from './common.js';

interface Flags {
  exchanges: string[];
  symbols: number;
  rate: number;
  mix: number[];
  levels: number;
  seed: number;
  messages?: number;
  seconds?: number;
  closeAfter?: number;
  notice?: number;
  portBase: number;
  tls: boolean;
  cert?: string;
  key?: string;
  faultProxy: boolean;
  ledger?: string;
  play?: string;
  fault: FaultRequest[];
  quiet: boolean;
}

const PROGRESS_MS = 1000;

const HELP = `
Kinds of fault (--fault kind:field=value,… or POST /fault {"kind":…}):
${Object.entries(FAULT_KINDS)
  .map(([kind, doc]) => `  ${kind.padEnd(16)}${doc}`)
  .join('\n')}
Fields: exchange, symbol, channel, count, probability, seconds, rate, code, connections (all, one),
  target (rest, upgrade), status, bytes, delay, after (seconds), every (seconds).

Control port: POST /fault, GET /ledger (flushes the ledger, answers totals), POST /finish (no more events,
connections stay), POST /stop.

The ports are served by uWebSockets.js where its binary loads, by node:http and ws elsewhere or with
LOGGER_SERVER=node.

${exitStatuses({ ok: 'stopped', failed: 'a port or a file cannot be used' })}${examples(
  'logger simulate --exchanges coinbase --symbols 500 --rate 20000 --ledger /tmp/ledger',
  'logger simulate --rate 0 --mix 1:0:0 --messages 1000000',
  'logger simulate --exchanges binance,okx --close-after 60 --notice 5',
  'logger simulate --tls --fault cut:after=10,every=30 --fault drop:probability=0.001',
  'logger simulate --fault-proxy --fault net-half-open:seconds=5,after=10,every=60',
  'logger simulate --exchanges binance --play recording.jsonl.gz --rate 5000',
)}`;

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0)) throw new InvalidArgumentError('a number from 0 up');
  return value;
}

function list(text: string): string[] {
  return text.split(',').map((item) => item.trim());
}

function weights(text: string): number[] {
  const parts = text.split(':').map(Number);
  if (parts.length > MIX_NAMES.length || parts.some((part) => !(part >= 0)))
    throw new InvalidArgumentError(`up to ${MIX_NAMES.length} weights, ${MIX_NAMES.join(':')}, e.g. 6:3:1`);
  return parts;
}

function faultOption(text: string, earlier: FaultRequest[]): FaultRequest[] {
  try {
    return [...earlier, parseFaultText(text)];
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error));
  }
}

function optionsOf(flags: Flags): SimulatorOptions {
  const { cert, key } = flags;
  if ((cert === undefined) !== (key === undefined))
    throw new LoggerError('USAGE', '--cert and --key belong together');
  return {
    exchanges: flags.exchanges,
    symbols: flags.symbols,
    rate: flags.rate,
    mix: flags.mix,
    levels: flags.levels,
    seed: flags.seed,
    messages: flags.messages,
    seconds: flags.seconds,
    close_after: flags.closeAfter,
    notice: flags.notice,
    port_base: flags.portBase,
    tls: flags.tls || cert !== undefined,
    certificate: cert === undefined || key === undefined ? undefined : { cert_path: cert, key_path: key },
    fault_proxy: flags.faultProxy,
    ledger_directory: flags.ledger,
    play: flags.play,
    faults: flags.fault,
  };
}

/** A line per second on stderr: what was sent since the last one. */
function reportProgress(simulator: Simulator): void {
  let before: Record<string, number> = {};
  setInterval(() => {
    const { exchanges } = simulator.totals();
    const parts = Object.entries(exchanges).map(([id, { sent, connections, finished }]) => {
      const rate = sent - (before[id] ?? 0);
      return `${id} ${connections} connections ${sent} sent (${rate}/s)${finished ? ' done' : ''}`;
    });
    before = Object.fromEntries(Object.entries(exchanges).map(([id, { sent }]) => [id, sent]));
    process.stderr.write(`${parts.join(' · ')}\n`);
  }, PROGRESS_MS).unref();
}

/** Ends with the process that has started this one and keeps a channel to it, however that ends. */
function endWithParent(): void {
  if (process.channel === undefined) return;
  process.once('disconnect', () => process.exit(EXIT.failed));
}

/**
 * Starts the simulator, prints its endpoints as one JSON line on stdout, and runs until SIGINT, SIGTERM or POST /stop.
 */
export async function runSimulator(options: SimulatorOptions, quiet: boolean): Promise<void> {
  endWithParent();
  const { simulator, endpoints } = await startSimulator(options);
  process.stdout.write(`${JSON.stringify(endpoints)}\n`);
  const notice = serverNotice();
  if (notice !== undefined) process.stderr.write(`${notice}\n`);
  if (!quiet) reportProgress(simulator);
  await new Promise<void>((resolve) => {
    simulator.on_stop = resolve;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        simulator.stop();
        resolve();
      });
    }
  });
  process.exit();
}

export function simulateCommand(): Command {
  const defaults = SIMULATOR_DEFAULTS;
  return new Command()
    .option('--exchanges <ids>', `of ${Object.keys(PROTOCOLS).join(', ')}`, list, [...defaults.exchanges])
    .option('--symbols <n>', 'symbols per exchange', wholeNumber, defaults.symbols)
    .option(
      '--rate <n>',
      'data messages per second and exchange; 0 = as fast as clients take them',
      number,
      defaults.rate,
    )
    .option('--mix <t:k:b:…>', `weights of ${MIX_NAMES.join(', ')}`, weights, [...defaults.mix])
    .option('--levels <n>', 'levels per side of every order book', wholeNumber, defaults.levels)
    .option('--seed <n>', 'the same seed gives the same market', wholeNumber, defaults.seed)
    .option(
      '--messages <n>',
      'stop sending after so many messages per exchange (default: never)',
      wholeNumber,
    )
    .option('--seconds <s>', 'stop sending after so many seconds (default: never)', number)
    .option(
      '--close-after <s>',
      'close every connection at this age, as after 24 hours (default: never)',
      number,
    )
    .option(
      '--notice <s>',
      'announce that so many seconds before, where the exchange does (default: 0)',
      number,
    )
    .option('--port-base <port>', 'control port, then one port per exchange; 0 = free ports', wholeNumber, 0)
    .option('--tls', 'wss:// and https:// with a new self-signed certificate', false)
    .option('--cert <file>', 'certificate to use for TLS, PEM (default: a new one)')
    .option('--key <file>', 'its private key, PEM (default: a new one)')
    .option(
      '--fault-proxy',
      'clients come through a proxy, which the faults net-… need; costs CPU (default: straight to the exchange)',
      false,
    )
    .option('--ledger <dir>', 'keep a ledger of every event there (default: none)')
    .option(
      '--play <file>',
      'play a recording (.jsonl or .jsonl.gz) to every subscriber of the one exchange (default: the market)',
    )
    .option('--fault <fault>', 'a fault, see below; may be given several times', faultOption, [])
    .option('--quiet', 'no progress on stderr', false)
    .addHelpText('after', HELP)
    .action((flags: Flags) => runSimulator(optionsOf(flags), flags.quiet));
}
