/**
 * How this machine reaches others: name servers, several addresses per name, and a proxy. One per thread and
 * configuration, so that what was learned of addresses counts for every connection. Shard threads and the supervisor.
 */
import * as net from 'node:net';
import * as tls from 'node:tls';
import { type Endpoint, proxyOf, tunnel } from './proxy.js';
import { NameResolver } from './resolver.js';

export interface NetworkOptions {
  /** address of a proxy; "none" for none, "" for what the environment says */
  readonly proxy: string;
  /** name servers, those of the system when there are none */
  readonly nameServers: readonly string[];
  /** how long one of several addresses may take to accept before the next one is tried */
  readonly addressTimeoutMs: number;
}

export const NETWORK_DEFAULTS: NetworkOptions = { proxy: '', nameServers: [], addressTimeoutMs: 2500 };

const networks = new Map<string, Network>();

/** The network of this thread with these options. */
export function networkOf(options: NetworkOptions = NETWORK_DEFAULTS): Network {
  const key = JSON.stringify(options);
  let network = networks.get(key);
  if (network === undefined) networks.set(key, (network = new Network(options)));
  return network;
}

export class Network {
  private readonly resolver: NameResolver;

  constructor(private readonly options: NetworkOptions) {
    this.resolver = new NameResolver(options.nameServers);
  }

  /** Options of net.connect() and tls.connect() for a direct connection: every address of the name gets its time. */
  get direct() {
    const { addressTimeoutMs } = this.options;
    return {
      lookup: this.resolver.lookup,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: addressTimeoutMs,
    };
  }

  /** The proxy that leads there, if one does. Throws CONFIG_INVALID for one that is none. */
  proxyFor(secure: boolean, endpoint: Endpoint): URL | undefined {
    return proxyOf(this.options.proxy, secure, endpoint);
  }

  /** A TCP connection through the proxy; `ca`: authorities to trust besides the usual ones. */
  tunnel(
    proxy: URL,
    endpoint: Endpoint,
    ca: string | Buffer | undefined,
    signal: AbortSignal,
  ): Promise<net.Socket> {
    return tunnel(proxy, endpoint, signal, {
      ca: ca === undefined ? undefined : [...tls.rootCertificates, ca.toString()],
      open: (via) => this.open(via, signal),
      direct: this.direct,
    });
  }

  private open(endpoint: Endpoint, signal: AbortSignal): Promise<net.Socket> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ ...endpoint, ...this.direct, signal });
      socket.once('connect', () => resolve(socket));
      socket.once('error', reject);
    });
  }

  /** A connection to the host was accepted at this address. */
  worked(host: string, address: string | undefined): void {
    if (address !== undefined) this.resolver.worked(host, address);
  }

  /** No address of the host accepted in time. */
  failed(host: string): void {
    this.resolver.failed(host);
  }
}
