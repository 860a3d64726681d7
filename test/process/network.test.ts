/**
 * A network that goes away without a word and comes back: the process notices that its sockets are dead although nothing
 * closes them, and captures again once there is a way to the exchange.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  afterProcesses,
  startLoggerProcess,
  startSimulatorProcess,
  temporaryFolder,
  until,
} from '../support/processes.js';

/** A way to a port that can go away: nothing that was sent arrives, and nobody is told. */
class Network {
  private readonly sockets = new Set<Socket>();
  private server: Server | undefined;

  constructor(private readonly target: number) {
    afterProcesses(() => this.goAway(true));
  }

  async comeBack(port = 0): Promise<number> {
    this.server = createServer((socket) => {
      const far = connect(this.target, '127.0.0.1');
      for (const [from, to] of [
        [socket, far],
        [far, socket],
      ]) {
        this.sockets.add(from);
        from.on('error', () => {});
        from.pipe(to);
      }
    });
    this.server.listen(port, '127.0.0.1');
    await once(this.server, 'listening');
    return (this.server.address() as AddressInfo).port;
  }

  /** Sockets stay open, but nothing goes through them any more; new ones are refused. */
  goAway(close = false): void {
    this.server?.close();
    for (const socket of this.sockets) {
      socket.unpipe();
      socket.pause();
      if (close) socket.destroy();
    }
  }
}

test('sockets that died without a word are noticed, and data flow again when the network is back', async (t) => {
  const folder = temporaryFolder('network');
  const ledger = join(folder, 'ledger');
  const simulator = await startSimulatorProcess(ledger, ['--symbols', '4', '--rate', '500'], 'binance');
  const { ws, rest } = simulator.exchanges.binance;
  const network = new Network(Number(new URL(ws).port));
  const port = await network.comeBack();
  const behind = { ...simulator, exchanges: { binance: { ws: `ws://127.0.0.1:${port}`, rest } } };
  const env = { LOGGER__WEBSOCKET__MESSAGE_TIMEOUT_SECS: '4' };
  const logger = startLoggerProcess({ folder, env }, behind);
  await logger.ready();
  network.goAway();
  const left = performance.now();
  await logger.logged(/nothing arrived for/);
  t.diagnostic(`noticed after ${Math.round(performance.now() - left)} ms`);
  const messages = async () => (await logger.health()).exchanges.binance.connections[0].messages;
  const before = await messages();
  await logger.logged(/ECONNREFUSED/);
  await network.comeBack(port);
  const back = performance.now();
  await until('messages arrive again', async () => (await messages()) > before + 100);
  t.diagnostic(`data again after ${Math.round(performance.now() - back)} ms`);
  assert.equal(await logger.stop(), 0, logger.stderr());
});
