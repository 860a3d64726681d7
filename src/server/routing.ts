/**
 * Which handler answers a request, and what is answered where none does. Called by uws.ts and node.ts, so that both
 * answer alike.
 */
import { STATUS_CODES } from 'node:http';
import { LoggerError } from '../base/errors.js';
import type { Answer, Handler, Request, Route, ServerOptions } from './contract.js';

/** What answers a request, known before its body is read. */
export interface Target {
  readonly body_bytes_max: number;
  readonly answer: Handler;
}

export function jsonAnswer(status: number, value: unknown, headers: Answer['headers'] = {}): Answer {
  return {
    status,
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      ...headers,
    },
    body: `${JSON.stringify(value, null, 2)}\n`,
  };
}

/** `404 Not Found` */
export function statusLine(status: number): string {
  return `${status} ${STATUS_CODES[status] ?? 'Unknown'}`;
}

function methodsOf({ method }: Route): string[] {
  return method === 'GET' ? ['GET', 'HEAD'] : [method];
}

export function targetOf({ routes = [], other, guard }: ServerOptions, request: Request): Target {
  const { method, path } = request;
  const refusal = guard?.(request);
  if (refusal !== undefined) return { body_bytes_max: 0, answer: () => refusal };
  const here = routes.filter((route) => route.path === path);
  const route = here.find((candidate) => methodsOf(candidate).includes(method));
  if (route !== undefined) return { body_bytes_max: route.body_bytes_max ?? 0, answer: route.answer };
  if (here.length === 0 && other !== undefined) return { body_bytes_max: 0, answer: other };
  const answer = here.length === 0 ? notFound(routes) : notAllowed(here);
  return { body_bytes_max: 0, answer: () => answer };
}

function notFound(routes: readonly Route[]): Answer {
  const known = routes.map(({ method, path }) => `${method} ${path}`);
  return jsonAnswer(404, { error: `there is nothing here; known: ${known.join(', ')}` });
}

function notAllowed(routes: readonly Route[]): Answer {
  const allow = routes.flatMap(methodsOf).join(', ');
  return jsonAnswer(405, { error: `the methods here are ${allow}` }, { allow });
}

/** The reply to a request whose body is there, or `undefined` where it was too long. */
export function replyTo({ answer, body_bytes_max }: Target, request: Omit<Request, 'body'>, body?: Buffer) {
  return body === undefined
    ? jsonAnswer(413, { error: `a body may have ${body_bytes_max} bytes` })
    : answer({ ...request, body });
}

export function cannotListen({ host, port, advice }: ServerOptions, reason?: string): LoggerError {
  const why = reason === undefined ? '' : ` (${reason})`;
  return new LoggerError('ADDRESS_IN_USE', `cannot listen on ${host}:${port}${why}; ${advice}`);
}
