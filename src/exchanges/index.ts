/**
 * The exchanges are the files of this folder: adding one needs no list to be edited. Used by commands, the supervisor
 * and the shard entry point.
 */
import { readdir } from 'node:fs/promises';
import { LoggerError } from '../base/errors.js';
import type { Exchange } from '../feed/exchange.js';

/** Ids of all exchanges, in alphabetical order. */
export async function exchangeIds(): Promise<string[]> {
  return (await readdir(import.meta.dirname))
    .filter((file) => /^[a-z0-9]+\.js$/.test(file) && file !== 'index.js')
    .map((file) => file.slice(0, -3))
    .sort();
}

export async function loadExchange(id: string): Promise<Exchange> {
  const ids = await exchangeIds();
  if (!ids.includes(id)) {
    throw new LoggerError('USAGE', `no exchange ${JSON.stringify(id)}; there are ${ids.join(', ')}`);
  }
  const module = (await import(`./${id}.js`)) as { default: Exchange };
  return module.default;
}

export async function loadExchanges(): Promise<Exchange[]> {
  return Promise.all((await exchangeIds()).map(loadExchange));
}
