/**
 * The exchanges that can be simulated: every folder here has a `protocol.ts` that exports the protocol of an exchange,
 * or those of several of one company, as the file of that name in src/exchanges/ does with what the logger knows of
 * them. Adding one needs no list to be edited. Used by the simulator, the bench's server and tests.
 */
import { readdirSync } from 'node:fs';
import { assert } from '../../base/errors.js';
import type { VenueProtocol } from '../server/protocol.js';

const FOLDERS = readdirSync(import.meta.dirname, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

async function protocolsOf(folder: string): Promise<readonly VenueProtocol[]> {
  const module = (await import(`./${folder}/protocol.js`)) as {
    default: VenueProtocol | readonly VenueProtocol[];
  };
  const protocols = [module.default].flat();
  for (const { id } of protocols)
    assert(id.split('-')[0] === folder, `${id} does not belong into ${folder}/`);
  return protocols;
}

const protocols = (await Promise.all(FOLDERS.map(protocolsOf))).flat();

/** By id of the exchange, in the order of ids. */
export const PROTOCOLS: Readonly<Record<string, VenueProtocol>> = Object.fromEntries(
  protocols.sort((a, b) => (a.id < b.id ? -1 : 1)).map((protocol) => [protocol.id, protocol]),
);
