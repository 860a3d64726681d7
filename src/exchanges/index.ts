/**
 * The exchanges are the files of this folder; what captures has no list of them. `coinbase_advanced.ts` is the exchange
 * `coinbase-advanced`. A file may hold several exchanges of one company whose messages are alike: `binance.ts` has
 * `binance` and `binance-futures`. What a company lists and keeps over REST is in rest/<company>.ts. Used by commands, the
 * supervisor and the shard entry point.
 */
import { readdir } from 'node:fs/promises';
import { assert, LoggerError } from '../base/errors.js';
import type { Exchange } from '../feed/exchange.js';

/** Names of the files of this folder. */
const FILE = /^([a-z0-9]+(_[a-z0-9]+)*)\.js$/;
/** Ids are safe names of directories and sections. */
const ID = /^[a-z0-9]+(-[a-z0-9]+)*$/;

async function files(): Promise<string[]> {
  const names = (await readdir(import.meta.dirname)).map((file) => FILE.exec(file)?.[1]);
  return names.filter((name) => name !== undefined && name !== 'index') as string[];
}

/** Where an exchange may be, its own file first: `a_b` or `a` for `a-b`. */
function filesFor(id: string): string[] {
  const words = id.split('-');
  return words.map((_, n) => words.slice(0, words.length - n).join('_'));
}

async function exchangesOf(file: string): Promise<readonly Exchange[]> {
  const module = (await import(`./${file}.js`)) as { default?: Exchange | readonly Exchange[] };
  const exchanges = [module.default ?? []].flat();
  for (const { id } of exchanges)
    assert(ID.test(id) && filesFor(id).includes(file), `${id} belongs into ${filesFor(id)[0]}.ts`);
  return exchanges;
}

/** All exchanges, in the order of their ids. */
export async function loadExchanges(): Promise<Exchange[]> {
  const exchanges = (await Promise.all((await files()).map(exchangesOf))).flat();
  return exchanges.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** One exchange, or undefined when there is none of this id; the files of others are not read. */
export async function findExchange(id: string): Promise<Exchange | undefined> {
  const present = await files();
  const file = filesFor(id).find((name) => present.includes(name));
  return file === undefined ? undefined : (await exchangesOf(file)).find((exchange) => exchange.id === id);
}

/** The same; throws USAGE with the ids that there are. */
export async function loadExchange(id: string): Promise<Exchange> {
  const found = await findExchange(id);
  if (found !== undefined) return found;
  const ids = (await loadExchanges()).map((exchange) => exchange.id).join(', ');
  throw new LoggerError('USAGE', `no exchange ${JSON.stringify(id)}; there are ${ids}`);
}
