/**
 * A TCP proxy between the clients of a simulated exchange and its port, which does to connections what networks do. It
 * knows nothing of what is in the bytes: WebSocket, REST and TLS all pass through it. On the loopback address only.
 * Runs in the simulator process; made by simulator.ts.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import { LoggerError, messageOf } from '../../base/errors.js';
import { type FaultRequest, isNetworkFault } from './faults.js';
import { LOOPBACK } from './loopback.js';
import { makeCertificate } from './tls.js';
import { Tunnel, type Weather } from './tunnel.js';

/** What a slow network passes in a second, and at a time, unless the fault says otherwise. */
const SLOW_BYTES_PER_S = 2048;
const PIECE_BYTES = 256;
const DELAY_S = 1;
const RETRY_MS = 100;

export class FaultProxy {
  readonly #target: number;
  readonly #server: Server;
  readonly #tunnels = new Set<Tunnel>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #weather: Weather = {
    stalled_until_ms: 0,
    slow_until_ms: 0,
    slow_rate: 0,
    piece_bytes: 0,
    delay_until_ms: 0,
    delay_ms: 0,
    corrupt: 0,
  };
  /** new connections wait until then, as for a network that is away */
  #away_until_ms = 0;
  #impostor_until_ms = 0;
  #impostor: TlsServer | undefined;
  port = 0;

  /** `target`: the port of the exchange. */
  constructor(target: number) {
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  /** Listens, on any free port for 0; throws ADDRESS_IN_USE. */
  async listen(port: number): Promise<void> {
    this.#server.listen(port, LOOPBACK.host);
    try {
      await once(this.#server, 'listening');
    } catch (error) {
      throw new LoggerError(
        'ADDRESS_IN_USE',
        `cannot listen on port ${port} (${messageOf(error)}): ${LOOPBACK.advice}`,
      );
    }
    const address = this.#server.address();
    if (typeof address === 'object' && address !== null) this.port = address.port;
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#server.close();
    this.#impostor?.close();
    for (const tunnel of this.#tunnels) tunnel.reset();
  }

  /** Carries out a fault of the network; others are the exchange's. */
  fault(request: FaultRequest): void {
    if (!isNetworkFault(request.kind)) return;
    const duration_ms = (request.seconds ?? 1) * 1000;
    const until_ms = performance.now() + duration_ms;
    const weather = this.#weather;
    const all = [...this.#tunnels];
    const chosen = request.connections === 'one' ? busiest(all) : all;
    switch (request.kind) {
      case 'net-cut':
        for (const tunnel of chosen) tunnel.cutAfter(request.bytes ?? 0, 'fin');
        break;
      case 'net-reset':
        for (const tunnel of chosen) tunnel.cutAfter(request.bytes ?? 0, 'reset');
        break;
      case 'net-half-open':
        for (const tunnel of chosen) tunnel.swallow();
        if (request.connections !== 'one') this.#away_until_ms = until_ms;
        this.#later(duration_ms, () => {
          for (const tunnel of chosen) tunnel.forgetExchange();
        });
        break;
      case 'net-stall':
        weather.stalled_until_ms = until_ms;
        break;
      case 'net-slow':
        weather.slow_until_ms = until_ms;
        weather.slow_rate = request.rate ?? SLOW_BYTES_PER_S;
        weather.piece_bytes = request.bytes ?? PIECE_BYTES;
        break;
      case 'net-delay':
        weather.delay_until_ms = until_ms;
        weather.delay_ms = (request.delay ?? DELAY_S) * 1000;
        break;
      case 'net-corrupt':
        weather.corrupt += request.count ?? 1;
        break;
      case 'net-refuse':
        this.#server.close();
        this.#later(duration_ms, () => this.#listenAgain());
        break;
      case 'net-certificate':
        this.#impostor ??= impostor();
        this.#impostor_until_ms = until_ms;
        break;
    }
  }

  #accept(client: Socket): void {
    if (performance.now() < this.#impostor_until_ms) {
      client.on('error', () => {});
      this.#impostor?.emit('connection', client);
      return;
    }
    const exchange = connect(this.#target, LOOPBACK.host);
    const tunnel = new Tunnel(client, exchange, this.#weather, this.#away_until_ms);
    this.#tunnels.add(tunnel);
    client.once('close', () => this.#tunnels.delete(tunnel));
  }

  /** Somebody else may have the port for a moment. */
  #listenAgain(): void {
    if (this.#server.listening) return;
    this.#server.once('error', () => this.#later(RETRY_MS, () => this.#listenAgain()));
    this.#server.listen(this.port, LOOPBACK.host);
  }

  #later(delay_ms: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, delay_ms);
    this.#timers.add(timer);
  }
}

/** One that carries a stream, where there is one, and no single request. */
function busiest(tunnels: Tunnel[]): Tunnel[] {
  return tunnels.sort((a, b) => b.passed - a.passed).slice(0, 1);
}

/** Somebody else with a certificate of his own, where clients expect the exchange. */
function impostor(): TlsServer {
  const { cert_path, key_path } = makeCertificate('elsewhere.invalid');
  const server = createTlsServer({ cert: readFileSync(cert_path), key: readFileSync(key_path) });
  server.on('tlsClientError', () => {});
  return server;
}
