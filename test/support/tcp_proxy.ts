/** A TCP connection that fails on request: its answers are swallowed, or it is cut. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterProcesses } from './processes.js';

export class TcpProxy {
  /** bytes of answers that were not passed on since swallow() */
  swallowed = 0;
  port = 0;
  private swallows = false;
  private readonly sockets = new Set<Socket>();
  private readonly server = createServer((client) => this.accept(client));

  constructor(private readonly target: number) {}

  static async to(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    proxy.server.listen(0, '127.0.0.1');
    await once(proxy.server, 'listening');
    proxy.port = (proxy.server.address() as { port: number }).port;
    afterProcesses(() => {
      proxy.server.close();
      proxy.cut();
    });
    return proxy;
  }

  private accept(client: Socket): void {
    const server = connect(this.target, '127.0.0.1');
    const pass = (from: Socket, to: Socket, swallows: () => boolean) => {
      this.sockets.add(from);
      from.on('data', (bytes) => {
        if (swallows()) this.swallowed += bytes.length;
        else to.write(bytes);
      });
      from.on('error', () => {});
      from.on('close', () => {
        this.sockets.delete(from);
        to.destroy();
      });
    };
    pass(client, server, () => false);
    pass(server, client, () => this.swallows);
  }

  /** The target does what it is asked to, and nobody hears of it. */
  swallow(): void {
    this.swallowed = 0;
    this.swallows = true;
  }

  /** Answers pass again. */
  pass(): void {
    this.swallows = false;
  }

  /** Ends all connections. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}
