/**
 * REST answers of the exchanges: symbol lists at the start on the main thread, snapshots of books in shard threads.
 * Nothing here is in a hurry, but everything has a limit: an exchange is a stranger.
 */
import { get as getHttp } from 'node:http';
import { get as getHttps } from 'node:https';
import { rootCertificates } from 'node:tls';
import { monotonicMs } from '../../base/clock.js';
import { LoggerError, messageOf } from '../../base/errors.js';
import { USER_AGENT } from '../../base/version.js';
import type { FetchJson } from '../exchange.js';
import type { JsonValue } from '../json/document.js';

/** An answer of which nothing comes for so long is asked for again. */
const QUIET_MS_MAX = 15_000;
/** One attempt from its beginning to the last byte; after so long there is no further one. */
const ATTEMPT_MS_MAX = 30_000;
/** The longest real answer is about 20 MB (all symbols with their filters). */
const BYTES_MAX = 64 * 1024 * 1024;
const ATTEMPTS = 4;
const FIRST_DELAY_MS = 500;

function failed(url: URL, reason: string, retryable: boolean): LoggerError {
  return new LoggerError('REST_FAILED', `GET ${url.origin}${url.pathname}: ${reason}`, { retryable });
}

function asFailure(url: URL, error: Error): LoggerError {
  return error instanceof LoggerError ? error : failed(url, messageOf(error), true);
}

function once(url: URL, ca: string | undefined, attemptMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const get = url.protocol === 'https:' ? getHttps : getHttp;
    const options = {
      headers: { 'user-agent': USER_AGENT, accept: 'application/json' },
      timeout: QUIET_MS_MAX,
      // whatever NODE_TLS_REJECT_UNAUTHORIZED says
      rejectUnauthorized: true,
      ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }),
    };
    const request = get(url, options, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > BYTES_MAX)
          request.destroy(failed(url, `the answer is longer than ${BYTES_MAX} bytes`, false));
      });
      response.on('error', (error) => reject(asFailure(url, error)));
      response.on('end', () => {
        const { statusCode = 0 } = response;
        if (statusCode === 200) resolve(Buffer.concat(chunks).toString('utf8'));
        else reject(failed(url, `HTTP status ${statusCode}`, statusCode >= 500 || statusCode === 429));
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

/** Fetches JSON below an endpoint; tries again where that can help. Throws REST_FAILED. */
export function restOf(
  endpoint: string,
  ca: string | undefined,
  parse: (text: string) => JsonValue = JSON.parse,
  attemptMs = ATTEMPT_MS_MAX,
): FetchJson {
  return async (path) => {
    const url = new URL(endpoint.replace(/\/+$/, '') + path);
    const began = monotonicMs();
    for (let attempt = 1; ; attempt++) {
      try {
        return parse(await once(url, ca, attemptMs));
      } catch (error) {
        if (error instanceof SyntaxError) throw failed(url, 'the answer is not JSON', false);
        if (!(error instanceof LoggerError) || !error.retryable || attempt === ATTEMPTS) throw error;
        if (monotonicMs() - began >= attemptMs) throw error;
        await new Promise((resolve) => setTimeout(resolve, FIRST_DELAY_MS * 2 ** (attempt - 1)));
      }
    }
  };
}
