/**
 * A capture of several exchanges and every table with one sink `target`, behind a connection that fails on request; and the same
 * while everything fails that can: the server, the connection, the logger. What has arrived is for the test to judge.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { channelsOf, EXCHANGES } from './fixtures.js';
import { type LoggerProcess, startLoggerProcess, startSimulatorProcess, until } from './processes.js';
import type { Server } from './servers.js';
import type { TcpProxy } from './tcp_proxy.js';

/** Between them they have every table, and ids of every kind. */
const CAPTURED = EXCHANGES.filter(({ id }) => ['binance', 'bybit-linear', 'coinbase', 'kraken'].includes(id));
const EXCHANGE_LINES = Object.fromEntries(
  CAPTURED.map((exchange) => [exchange.id, [`channels = ${JSON.stringify(channelsOf(exchange))}`]]),
);
const KILLS = 3;
const ROWS_BETWEEN = 300;
/** Much on a busy machine. */
const PATIENCE_SECS = 300;

const waitUntil: typeof until = (what, probe) => until(what, probe, PATIENCE_SECS);

export interface SceneOptions {
  readonly folder: string;
  /** of the section of the sink */
  readonly sinkLines: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export class SinkScene {
  logger!: LoggerProcess;
  readonly dataPath: string;
  private simulator!: Awaited<ReturnType<typeof startSimulatorProcess>>;

  constructor(private readonly options: SceneOptions) {
    this.dataPath = join(options.folder, 'data');
  }

  async start(): Promise<void> {
    const { folder } = this.options;
    this.simulator = await startSimulatorProcess(
      join(folder, 'ledger'),
      ['--symbols', '2', '--rate', '100'],
      CAPTURED.map(({ id }) => id).join(','),
    );
    this.startLogger();
  }

  startLogger(): void {
    const { folder, sinkLines, env } = this.options;
    const sinks = { target: sinkLines };
    this.logger = startLoggerProcess(
      { folder, env, exchangeLines: EXCHANGE_LINES, sinkLines: sinks },
      this.simulator,
    );
  }

  async sink() {
    return (await this.logger.health()).sinks['target'];
  }

  /** Waits until so many more rows are in the target. */
  async delivered(rows = ROWS_BETWEEN): Promise<void> {
    const { rows_delivered: before } = await this.sink();
    await waitUntil(
      `${rows} rows are delivered`,
      async () => (await this.sink()).rows_delivered >= before + rows,
    );
  }

  /** Waits until the target fails. */
  async trouble(): Promise<string> {
    return waitUntil('the target has failed', async () => (await this.sink()).trouble);
  }

  private async written(): Promise<number> {
    return (await this.logger.health()).writer.rows_written;
  }

  /** The server is gone for a while, in which capture goes on. */
  async withoutServer(server: Server): Promise<void> {
    await server.kill();
    await this.trouble();
    const before = await this.written();
    await waitUntil(
      'rows are captured all the same',
      async () => (await this.written()) > before + ROWS_BETWEEN,
    );
    await server.start();
    await waitUntil('the target is well again', async () => (await this.sink()).trouble === null);
    await this.delivered();
  }

  /** What the target has taken is not acknowledged: the connection is cut with the answers on their way. */
  async lostAnswers(proxy: TcpProxy): Promise<void> {
    const { errors: before } = await this.sink();
    proxy.swallow();
    await waitUntil('answers are lost', () => proxy.swallowed > 0);
    proxy.cut();
    proxy.pass();
    await waitUntil('that is noticed', async () => (await this.sink()).errors > before);
    await this.delivered();
  }

  async killLogger(): Promise<void> {
    await this.logger.kill();
    this.startLogger();
    await this.delivered();
  }

  /** All of it. */
  async faults(server: Server, proxy: TcpProxy): Promise<void> {
    await this.delivered();
    for (let round = 0; round < KILLS; round++) await this.lostAnswers(proxy);
    await this.withoutServer(server);
    for (let round = 0; round < KILLS; round++) await this.killLogger();
  }

  /** Ends the markets, and the logger when it has delivered everything. */
  async finish(): Promise<void> {
    await this.simulator.finish();
    await this.logger.quiet();
    await waitUntil('nothing is left', async () => (await this.sink()).lag_rows === 0);
    assert.equal(await this.logger.stop(), 0, this.logger.stderr());
    await this.simulator.stop();
  }
}
