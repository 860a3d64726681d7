/**
 * REST answers of the exchanges: symbol lists at the start on the main thread, snapshots of books in shard threads.
 * Nothing here is in a hurry, but everything has a limit: an exchange is a stranger.
 */
import { get as getHttp } from 'node:http';
import { get as getHttps } from 'node:https';
import { rootCertificates } from 'node:tls';
import { LoggerError, messageOf } from '../../base/errors.js';
import { USER_AGENT } from '../../base/version.js';
import type { FetchJson } from '../exchange.js';
import type { JsonValue } from '../json/document.js';

const TIMEOUT_MS = 15_000;
/** The longest real answer is about 20 MB (all symbols with their filters). */
const BYTES_MAX = 64 * 1024 * 1024;
const ATTEMPTS = 4;
const FIRST_DELAY_MS = 500;

function failed(url: URL, reason: string, retryable: boolean): LoggerError {
  return new LoggerError('REST_FAILED', `GET ${url.origin}${url.pathname}: ${reason}`, { retryable });
}

function once(url: URL, ca: string | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const get = url.protocol === 'https:' ? getHttps : getHttp;
    const options = {
      headers: { 'user-agent': USER_AGENT, accept: 'application/json' },
      timeout: TIMEOUT_MS,
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
      response.on('error', (error) => reject(failed(url, messageOf(error), true)));
      response.on('end', () => {
        const { statusCode = 0 } = response;
        if (statusCode === 200) resolve(Buffer.concat(chunks).toString('utf8'));
        else reject(failed(url, `HTTP status ${statusCode}`, statusCode >= 500 || statusCode === 429));
      });
    });
    request.on('timeout', () =>
      request.destroy(failed(url, `no answer within ${TIMEOUT_MS / 1000} s`, true)),
    );
    request.on('error', (error) =>
      reject(error instanceof LoggerError ? error : failed(url, messageOf(error), true)),
    );
  });
}

/** Fetches JSON below an endpoint; tries again where that can help. Throws REST_FAILED. */
export function restOf(
  endpoint: string,
  ca: string | undefined,
  parse: (text: string) => JsonValue = JSON.parse,
): FetchJson {
  return async (path) => {
    const url = new URL(endpoint.replace(/\/+$/, '') + path);
    for (let attempt = 1; ; attempt++) {
      try {
        return parse(await once(url, ca));
      } catch (error) {
        if (error instanceof SyntaxError) throw failed(url, 'the answer is not JSON', false);
        if (!(error instanceof LoggerError) || !error.retryable || attempt === ATTEMPTS) throw error;
        await new Promise((resolve) => setTimeout(resolve, FIRST_DELAY_MS * 2 ** (attempt - 1)));
      }
    }
  };
}
