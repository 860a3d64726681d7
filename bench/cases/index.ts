/**
 * One message of every kind of every exchange: each file here has those of the exchange whose id is its name, with `_`
 * for `-`. Adding one needs no list to be edited.
 */
import { readdirSync } from 'node:fs';
import type { Case } from '../case.js';

const FILE = /^([a-z0-9_]+)\.js$/;

/** Exchanges that have cases, in the order of their ids. */
export const BENCH_EXCHANGES: readonly string[] = readdirSync(import.meta.dirname)
  .map((file) => FILE.exec(file)?.[1])
  .filter((name) => name !== undefined && name !== 'index')
  .map((name) => String(name).replaceAll('_', '-'))
  .sort();

export async function loadCases(exchange: string): Promise<readonly Case[]> {
  const module = (await import(`./${exchange.replaceAll('-', '_')}.js`)) as { default: readonly Case[] };
  return module.default;
}
