/**
 * Connections through a proxy: HTTP CONNECT (RFC 9110 §9.3.6), to the proxy itself over TCP or TLS, and SOCKS5. The
 * proxy resolves the names. Shard threads and the supervisor, once per connection.
 */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { SocksClient } from 'socks';
import { LoggerError, messageOf } from '../../../base/errors.js';
import { USER_AGENT } from '../../../base/version.js';

/** What begins a proxy's address. */
export const PROXY_SCHEMES = ['http', 'https', 'socks5', 'socks5h'] as const;
const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  'http:': 80,
  'https:': 443,
  'socks5:': 1080,
  'socks5h:': 1080,
};

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

const LOOPBACK = /^(localhost|.*\.localhost|127\.\d+\.\d+\.\d+|::1)$/i;

/** A variable of the environment in small letters or, where that is not set, in capitals: as curl reads them. */
function variable(env: Environment, name: string): string {
  return env[name] || env[name.toUpperCase()] || '';
}

/** Whether a list as NO_PROXY has it names the host: `*`, names with all below them, addresses, with a port or without. */
export function isExempt(list: string, { host, port }: Endpoint): boolean {
  return list
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .some((entry) => {
      if (entry === '*') return true;
      const [, name = '', ofPort] = /^(.*?)(?::(\d+))?$/.exec(isIP(entry) === 6 ? '' : entry) ?? [];
      const bare = isIP(entry) === 6 ? entry : name.replace(/^\*?\./, '');
      if (bare === '' || (ofPort !== undefined && Number(ofPort) !== port)) return false;
      const wanted = host.toLowerCase();
      return wanted === bare || wanted.endsWith(`.${bare}`);
    });
}

/**
 * The proxy for a connection. The option decides, "none" is none; without it the usual variables do, which leave this
 * machine itself out.
 */
export function proxyOf(
  option: string,
  secure: boolean,
  endpoint: Endpoint,
  env: Environment = process.env,
): URL | undefined {
  if (option === 'none') return undefined;
  if (option !== '') return parseProxy(option, 'network.proxy');
  if (LOOPBACK.test(endpoint.host) || isExempt(variable(env, 'no_proxy'), endpoint)) return undefined;
  const name = secure ? 'https_proxy' : 'http_proxy';
  const value = variable(env, name) || variable(env, 'all_proxy');
  return value === '' ? undefined : parseProxy(value, name.toUpperCase());
}

function parseProxy(value: string, where: string): URL {
  const text = value.includes('://') ? value : `http://${value}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !(PROXY_SCHEMES as readonly string[]).includes(url.protocol.slice(0, -1)))
    throw new LoggerError(
      'CONFIG_INVALID',
      `${where}: ${JSON.stringify(shown(value))} is no proxy; write ${PROXY_SCHEMES.map((scheme) => `${scheme}://host:port`).join(', ')} or "none"`,
    );
  return url;
}

/** Without the password. */
export function shown(proxy: string): string {
  return proxy.replace(/\/\/[^@/]*@/, '//…@');
}

const hostOf = (proxy: URL) => proxy.hostname.replace(/^\[|\]$/g, '');
const portOf = (proxy: URL) => Number(proxy.port) || DEFAULT_PORTS[proxy.protocol];

export interface TunnelOptions {
  /** authorities that a proxy with TLS may have its certificate from */
  readonly ca: readonly string[] | undefined;
  /** connects to the proxy */
  readonly open: (proxy: Endpoint) => Promise<Socket>;
  /** how to reach the proxy by name */
  readonly direct: object;
}

/** A connection to the endpoint through the proxy; rejects with what the proxy says. */
export async function tunnel(
  proxy: URL,
  endpoint: Endpoint,
  signal: AbortSignal,
  options: TunnelOptions,
): Promise<Socket> {
  const via = { host: hostOf(proxy), port: portOf(proxy) };
  try {
    return proxy.protocol.startsWith('socks')
      ? await throughSocks(proxy, endpoint, await options.open(via))
      : await throughHttp(proxy, via, endpoint, signal, options);
  } catch (error) {
    throw new Error(`proxy ${via.host}:${via.port}: ${messageOf(error)}`, { cause: error });
  }
}

async function throughSocks(proxy: URL, endpoint: Endpoint, socket: Socket): Promise<Socket> {
  const { username, password } = proxy;
  try {
    const { socket: connected } = await SocksClient.createConnection({
      command: 'connect',
      existing_socket: socket,
      destination: endpoint,
      proxy: {
        host: hostOf(proxy),
        port: portOf(proxy),
        type: 5,
        ...(username === ''
          ? {}
          : { userId: decodeURIComponent(username), password: decodeURIComponent(password) }),
      },
    });
    return connected;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function throughHttp(
  proxy: URL,
  via: Endpoint,
  { host, port }: Endpoint,
  signal: AbortSignal,
  { ca, direct }: TunnelOptions,
): Promise<Socket> {
  const target = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  const { username, password } = proxy;
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
  return new Promise((resolve, reject) => {
    const request = (proxy.protocol === 'https:' ? requestHttps : requestHttp)({
      ...via,
      ...direct,
      method: 'CONNECT',
      path: target,
      agent: false,
      signal,
      rejectUnauthorized: true,
      ...(ca === undefined ? {} : { ca: [...ca] }),
      headers: {
        host: target,
        'user-agent': USER_AGENT,
        ...(username === '' ? {} : { 'proxy-authorization': authorization }),
      },
    });
    request.on('connect', ({ statusCode, statusMessage }, socket: Socket, head: Buffer) => {
      if (statusCode !== 200) {
        socket.destroy();
        reject(new Error(`it answered ${statusCode} ${statusMessage}`.trim()));
        return;
      }
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    request.on('error', reject);
    request.end();
  });
}
