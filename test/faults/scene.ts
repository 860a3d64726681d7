/**
 * One capture that faults happen to: a simulator, a logger, a name server where one is wanted. Made by rounds.ts; the
 * faults of classes.ts work on it.
 */
import { join } from 'node:path';
import { loadExchange } from '../../src/exchanges/index.js';
import {
  type Health,
  type LoggerProcess,
  type SimulatorProcess,
  sleep,
  startLoggerProcess,
  startSimulatorProcess,
} from '../support/processes.js';
import { NameServer, type NameTrouble } from './name_server.js';

/** How a capture is set up. */
export interface SceneOptions {
  readonly exchanges: readonly string[];
  /** those of these that an exchange has are captured */
  readonly channels: readonly string[];
  /** flags of the simulator */
  readonly flags: readonly string[];
  /** lines for the section of every exchange */
  readonly lines: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** the exchanges have names, which a name server of ours knows */
  readonly named: boolean;
}

const WARN = 40;
const SYMBOLS = 3;
/** Messages per second and exchange. */
const RATE = 200;

export class Scene {
  /** every life of the logger */
  private readonly lives: LoggerProcess[] = [];

  private constructor(
    private readonly folder: string,
    private readonly options: SceneOptions,
    private readonly simulator: SimulatorProcess,
    private readonly names: NameServer | undefined,
    private readonly exchangeLines: Readonly<Record<string, readonly string[]>>,
  ) {
    this.startLogger();
  }

  static async start(folder: string, options: SceneOptions): Promise<Scene> {
    const { exchanges, channels, lines } = options;
    const flags = ['--symbols', String(SYMBOLS), '--rate', String(RATE), ...options.flags];
    const simulator = await startSimulatorProcess(join(folder, 'ledger'), flags, exchanges.join());
    const exchangeLines: Record<string, readonly string[]> = {};
    for (const id of exchanges) {
      const known = (await loadExchange(id)).channels;
      exchangeLines[id] = [
        `channels = ${JSON.stringify(channels.filter((name) => name in known))}`,
        ...lines,
      ];
    }
    const names = options.named ? await NameServer.start() : undefined;
    return new Scene(folder, options, simulator, names, exchangeLines);
  }

  private startLogger(): void {
    const { folder, options, simulator, names, exchangeLines } = this;
    const env: Record<string, string> = { ...options.env };
    if (names !== undefined) env['LOGGER__NETWORK__NAME_SERVERS'] = `["${names.address}"]`;
    const known = names === undefined ? simulator : named(simulator);
    this.lives.push(startLoggerProcess({ folder, env, exchangeLines }, known));
  }

  private get logger(): LoggerProcess {
    return this.lives.at(-1) as LoggerProcess;
  }

  get data(): string {
    return join(this.folder, 'data');
  }

  get ledger(): string {
    return this.simulator.ledger;
  }

  get exchanges(): readonly string[] {
    return this.options.exchanges;
  }

  /** Symbols of all exchanges together. */
  get symbols(): number {
    return SYMBOLS * this.exchanges.length;
  }

  health(): Promise<Health> {
    return this.logger.health();
  }

  /** When the logger has warned of something, in ms. */
  warnings(): number[] {
    const lines = this.lives.flatMap((life) => life.lines);
    return lines.filter(({ level }) => level >= WARN).map(({ time }) => Number(time));
  }

  /** Makes a fault happen; answers when it is over, in ms since 1970: now, unless it lasts for `seconds`. */
  async fault(request: Readonly<Record<string, unknown>>): Promise<number> {
    await this.simulator.fault(request);
    return Date.now() + Number(request['seconds'] ?? 0) * 1000;
  }

  /** Lets the name server have a trouble for a time, and cuts every connection; answers when it is over. */
  async cutWith(trouble: NameTrouble, seconds: number): Promise<number> {
    if (this.names === undefined) throw new Error('the exchanges of this capture have no names');
    this.names.trouble = trouble;
    await this.fault({ kind: 'net-reset' });
    await sleep(seconds * 1000);
    this.names.trouble = 'none';
    return Date.now();
  }

  /** Ends the logger and starts it again after a time; answers when that was. */
  async restart(seconds: number, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<number> {
    this.logger.child.kill(signal);
    await this.logger.exited;
    await sleep(seconds * 1000);
    this.startLogger();
    return Date.now();
  }

  /** Ends the market, lets everything reach the disk and stops both; answers the status of the logger. */
  async end(): Promise<number | null> {
    await this.simulator.finish();
    await this.logger.quiet();
    const status = await this.logger.stop();
    await this.simulator.stop();
    this.names?.close();
    return status;
  }

  /** Ends everything at once. */
  async kill(): Promise<void> {
    await Promise.all([this.logger.kill(), this.simulator.stop()]);
    this.names?.close();
  }

  /** The end of what the logger has said. */
  said(): string {
    const { lines, stderr } = this.logger;
    return [stderr(), ...lines.slice(-20).map((line) => JSON.stringify(line))].join('\n');
  }
}

/** The exchanges of a simulator by names instead of addresses. */
function named(simulator: SimulatorProcess): SimulatorProcess {
  const byName = (id: string, url: string) => url.replace('127.0.0.1', `${id}.test`);
  const exchanges = Object.entries(simulator.exchanges).map(([id, { ws, rest }]) => [
    id,
    { ws: byName(id, ws), rest: byName(id, rest) },
  ]);
  return { ...simulator, exchanges: Object.fromEntries(exchanges) };
}
