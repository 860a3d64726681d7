/**
 * Keeps web pages away from a server of ours. A browser on this machine reaches loopback for any page that asks: by a
 * name that the page has made to lead here, which Host shows, or across origins, which Origin shows. Used by http/ and by
 * the control port of the simulator.
 */
import { isIP, isIPv4 } from 'node:net';
import type { Answer, Request } from './contract.js';
import { jsonAnswer } from './routing.js';

export interface GuardOptions {
  /** the address that is listened on */
  readonly host: string;
  /** further names that lead here */
  readonly names?: readonly string[];
  /** how to make a name known, for the end of the message */
  readonly advice: string;
}

/** `[::1]:9090` → `::1`; `undefined` for what is no host with a port or without. */
function nameOf(authority: string): string | undefined {
  const [, bracketed, plain] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::\d+)?$/.exec(authority.toLowerCase()) ?? [];
  return bracketed ?? plain;
}

function isLoopback(name: string): boolean {
  return name === 'localhost' || name === '::1' || (isIPv4(name) && name.startsWith('127.'));
}

/** What refuses a request that is not meant for this server. Clients that are no browser may leave both headers out. */
export function guardOf({
  host,
  names = [],
  advice,
}: GuardOptions): (request: Request) => Answer | undefined {
  const known = new Set([host, ...names].map((name) => name.toLowerCase()));
  // no page can make an address lead elsewhere
  const isOpen = host === '0.0.0.0' || host === '::';
  const isOurs = (name: string) => known.has(name) || isLoopback(name) || (isOpen && isIP(name) !== 0);
  return (request) => {
    const name = nameOf(request.host);
    if (request.host !== '' && (name === undefined || !isOurs(name)))
      return jsonAnswer(403, {
        error: `the host ${JSON.stringify(request.host)} is not this server; ${advice}`,
      });
    if (request.origin !== '' && request.origin !== `http://${request.host}`)
      return jsonAnswer(403, { error: 'requests from pages of another origin are refused' });
    return undefined;
  };
}
