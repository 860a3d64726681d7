/**
 * Starts a server on uWebSockets.js, or on node:http and ws where its binary does not load: a Node that it has none
 * for, another C library than glibc, another processor. The environment variable LOGGER_SERVER decides instead.
 */
import { access, constants } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { LoggerError, messageOf } from '../base/errors.js';
import type { Server, ServerOptions } from './contract.js';
import type { Uws } from './uws.js';

/** The official package, where it is installed instead, and the one with the binary for this Node. */
const PACKAGES = ['uWebSockets.js', `uWebSockets.js-node${process.versions.node.split('.', 1)[0]}`];

export const SERVER_VARIABLE = 'LOGGER_SERVER';

export type ServerChoice =
  | { readonly kind: 'uws'; readonly uws: Uws }
  | {
      readonly kind: 'node';
      /** why not uWebSockets.js, and what that means; nothing where it was not wanted */
      readonly notice?: string;
    };

/** Where the package cannot be found the message goes on with who asked for it; the official one says more below. */
function reasonOf(error: unknown): string {
  const lines = messageOf(error).split('\n');
  return lines.find((line) => line.startsWith('Error: '))?.slice('Error: '.length) ?? lines[0];
}

function loadUws(packages: readonly string[]): Uws | string {
  const require = createRequire(import.meta.url);
  let reason = '';
  for (const name of packages) {
    try {
      return require(name) as Uws;
    } catch (error) {
      reason = reasonOf(error);
    }
  }
  return reason;
}

export function chooseServer(wanted = process.env[SERVER_VARIABLE], packages = PACKAGES): ServerChoice {
  if (wanted === 'node') return { kind: 'node' };
  if (wanted !== undefined && wanted !== '' && wanted !== 'uws')
    throw new LoggerError('USAGE', `${SERVER_VARIABLE} must be uws or node; it is ${JSON.stringify(wanted)}`);
  const uws = loadUws(packages);
  if (typeof uws !== 'string') return { kind: 'uws', uws };
  const here = `Node ${process.versions.node} on ${process.platform} ${process.arch}`;
  const failure = `uWebSockets.js does not load with ${here}: ${uws}`;
  if (wanted === 'uws')
    throw new LoggerError('DEPENDENCY_MISSING', `${failure}; ${SERVER_VARIABLE}=node does without it`);
  return {
    kind: 'node',
    notice: `${failure}; node:http and ws serve the same instead. Capture is not affected, the simulator sends less per second`,
  };
}

let choice: ServerChoice | undefined;

/** The choice of this process, made when it is needed first. */
function ownChoice(): ServerChoice {
  choice ??= chooseServer();
  return choice;
}

/** What a command says once when the servers of its process are not those they should be. */
export function serverNotice(): string | undefined {
  const own = ownChoice();
  return own.kind === 'node' ? own.notice : undefined;
}

async function checkReadable(path: string): Promise<void> {
  try {
    await access(path, constants.R_OK);
  } catch (error) {
    throw new LoggerError('USAGE', `cannot read the certificate or its key: ${messageOf(error)}`);
  }
}

/** Listens; throws ADDRESS_IN_USE, or USAGE for files of TLS that cannot be read. */
export async function startServer(options: ServerOptions, chosen = ownChoice()): Promise<Server> {
  for (const path of Object.values(options.tls ?? {})) await checkReadable(path);
  if (chosen.kind === 'node') return (await import('./node.js')).startNode(options);
  return (await import('./uws.js')).startUws(chosen.uws, options);
}
