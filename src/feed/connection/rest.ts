/**
 * REST answers of the exchanges: symbol lists on the main thread, snapshots of books and repairs in shard threads. Nothing
 * here is in a hurry, but everything has a limit: an exchange is a stranger. What a host asks for, by a status, by
 * Retry-After or by headers that count what was used, holds for every thread of the process (host_gate.ts).
 */
import { get as getHttp, type IncomingMessage, type RequestOptions } from 'node:http';
import { get as getHttps } from 'node:https';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, rootCertificates } from 'node:tls';
import { createGunzip } from 'node:zlib';
import { monotonicMs } from '../../base/clock.js';
import { LoggerError, messageOf } from '../../base/errors.js';
import { USER_AGENT } from '../../base/version.js';
import type { FetchJson, RestUsage } from '../exchange.js';
import type { JsonValue } from '../json/document.js';
import { HostGate } from './host_gate.js';
import { type Network, networkOf } from './network/network.js';

/** An answer of which nothing comes for so long is asked for again. */
const QUIET_MS_MAX = 15_000;
/** One attempt from its beginning to the last byte; after so long there is no further one. */
const ATTEMPT_MS_MAX = 30_000;
/** The longest real answer is about 20 MB (all symbols with their filters). */
const BYTES_MAX = 64 * 1024 * 1024;
const ATTEMPTS = 4;
const FIRST_DELAY_MS = 500;
/** How long a request waits for a host that asked us to stay away, unless it says otherwise. */
const PATIENCE_MS = 30_000;
/** A timer cannot be longer; the gate may also open earlier than was thought. */
const LONGEST_SLEEP_MS = 60_000;
/** Of a budget so much is used; the rest is for requests that are on their way. */
const SHARE_MAX = 0.8;

function failed(url: URL, reason: string, retryable: boolean): LoggerError {
  return new LoggerError('REST_FAILED', `GET ${url.origin}${url.pathname}: ${reason}`, { retryable });
}

function asFailure(url: URL, error: Error): LoggerError {
  return error instanceof LoggerError ? error : failed(url, messageOf(error), true);
}

export interface RestOptions {
  /** certificate authority to trust besides the usual ones */
  readonly ca?: string;
  readonly parse?: (text: string) => JsonValue;
  /** one attempt from its beginning to the last byte */
  readonly attemptMs?: number;
  /** of the host, shared by all threads */
  readonly gate?: HostGate;
  /** what headers say of the budget */
  readonly usage?: RestUsage;
  /** Takes one request out of the budget; answers how many ms to wait before it. */
  readonly reserve?: () => number;
  /** name servers, addresses and proxy; those of the system without it */
  readonly network?: Network;
  /** how long to wait for a host that asked us to stay away; beyond that the request fails without being made */
  readonly patienceMs?: number;
}

/** An answer that is complete. */
interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** How the connection to a URL is made: directly, or through a proxy with TLS of ours behind it. */
function connecting(url: URL, ca: string | undefined, network: Network): RequestOptions {
  const secure = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const endpoint = { host, port: Number(url.port) || (secure ? 443 : 80) };
  const proxy = network.proxyFor(secure, endpoint);
  if (proxy === undefined) return network.direct;
  const trusted = ca === undefined ? {} : { ca: [...rootCertificates, ca] };
  const servername = isIP(host) === 0 ? host : undefined;
  return {
    createConnection: (_, done) => {
      network.tunnel(proxy, endpoint, ca, AbortSignal.timeout(ATTEMPT_MS_MAX)).then(
        (socket) =>
          done(
            null,
            secure ? connectTls({ socket, servername, rejectUnauthorized: true, ...trusted }) : socket,
          ),
        (error: Error) => done(error, undefined as unknown as Duplex),
      );
      return undefined;
    },
  };
}

function once(url: URL, ca: string | undefined, attemptMs: number, network: Network): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const get = url.protocol === 'https:' ? getHttps : getHttp;
    const options = {
      headers: { 'user-agent': USER_AGENT, accept: 'application/json', 'accept-encoding': 'gzip' },
      timeout: QUIET_MS_MAX,
      // whatever NODE_TLS_REJECT_UNAUTHORIZED says
      rejectUnauthorized: true,
      ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }),
      ...connecting(url, ca, network),
    };
    const request = get(url, options, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      const body = response.headers['content-encoding'] === 'gzip' ? response.pipe(createGunzip()) : response;
      body.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > BYTES_MAX)
          request.destroy(failed(url, `the answer is longer than ${BYTES_MAX} bytes`, false));
      });
      for (const stream of [response, body]) stream.on('error', (error) => reject(asFailure(url, error)));
      body.on('end', () => {
        const { statusCode: status = 0, headers } = response;
        resolve({ status, headers, text: Buffer.concat(chunks).toString('utf8') });
      });
    });
    const late = setTimeout(
      () => request.destroy(failed(url, `the answer is not complete after ${attemptMs / 1000} s`, false)),
      attemptMs,
    );
    request.on('close', () => clearTimeout(late));
    request.on('timeout', () =>
      request.destroy(failed(url, `nothing has come for ${QUIET_MS_MAX / 1000} s`, true)),
    );
    request.on('error', (error) => reject(asFailure(url, error)));
  });
}

/** Waits for a time that nobody has to stay up for. */
function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

/** One endpoint with what is known of its host. */
class RestClient {
  private readonly gate: HostGate;

  constructor(
    private readonly endpoint: string,
    private readonly options: RestOptions,
  ) {
    this.gate = options.gate ?? new HostGate();
  }

  /** Fetches and parses; tries again where that can help. */
  async fetch(path: string): Promise<JsonValue> {
    const { parse = JSON.parse, attemptMs = ATTEMPT_MS_MAX } = this.options;
    const url = new URL(this.endpoint.replace(/\/+$/, '') + path);
    const began = monotonicMs();
    for (let attempt = 1; ; attempt++) {
      await this.admitted(url);
      try {
        return parse(await this.attempt(url, attemptMs));
      } catch (error) {
        if (error instanceof SyntaxError) throw failed(url, 'the answer is not JSON', false);
        if (!(error instanceof LoggerError) || !error.retryable || attempt === ATTEMPTS) throw error;
        if (monotonicMs() - began >= attemptMs) throw error;
        await sleep(FIRST_DELAY_MS * 2 ** (attempt - 1));
      }
    }
  }

  /** Returns when the host may be asked. Those that wait for it go on one after the other, as the budget allows. */
  private async admitted(url: URL): Promise<void> {
    const { patienceMs = PATIENCE_MS, reserve } = this.options;
    let reserved = reserve === undefined;
    for (;;) {
      const waitMs = this.gate.waitMs();
      if (waitMs > patienceMs) {
        const why = this.gate.status === 0 ? 'its budget is used up' : `it answered ${this.gate.status}`;
        throw failed(
          url,
          `not asked: ${why}, and is to be left alone for ${Math.ceil(waitMs / 1000)} s`,
          false,
        );
      }
      if (waitMs > 0) await sleep(Math.min(waitMs, LONGEST_SLEEP_MS));
      else if (reserved) return;
      else {
        await sleep(reserve?.() ?? 0);
        reserved = true;
      }
    }
  }

  private async attempt(url: URL, attemptMs: number): Promise<string> {
    const { ca, usage, network = networkOf() } = this.options;
    const { status, headers, text } = await once(url, ca, attemptMs, network);
    const used = usage?.((name) => [headers[name]].flat()[0], Date.now());
    if (used !== undefined && used.share >= SHARE_MAX) this.gate.close(used.resetMs);
    if (status === 200) {
      this.gate.accepted();
      return text;
    }
    this.gate.refused(status, headers['retry-after']);
    throw failed(url, `HTTP status ${status}`, status >= 500 || status === 429);
  }
}

/** Fetches JSON below an endpoint. Throws REST_FAILED. */
export function restOf(endpoint: string, options: RestOptions = {}): FetchJson {
  const client = new RestClient(endpoint, options);
  return (path) => client.fetch(path);
}
