/**
 * Ids of Bybit's trades: numbers of 19 digits with holes for spot, UUIDs and a sequence number for contracts. The same over
 * the connection and over REST. HOT: called per trade. Runs in the simulator process; used by protocol.ts and rest.ts.
 */
import type { SymbolMarket } from '../../market/market.js';
import { mix32, ORDER_ROLES, orderIdWord } from '../../market/random.js';

const ID_BILLIONS = 2_290_000_000;
const ID_STEP = 16;
const BILLION = 1e9;

/** Spot ids are 19 digits long and leave out up to 15 numbers. */
function numberOf(id: number): number {
  return id * ID_STEP + (mix32(id >>> 0) % ID_STEP);
}

/** The id of a spot trade: billions and rest. */
export function spotBillions(id: number): number {
  return ID_BILLIONS + Math.floor(numberOf(id) / BILLION);
}

export function spotRest(id: number): number {
  return numberOf(id) % BILLION;
}

/** The number that the trades of one order share: those of two ids in a row. */
export function sequenceOf({ hash }: SymbolMarket, id: number): number {
  return Math.floor(id / 2) * 240 + (hash % 1000);
}

/** Cold: the id of a spot trade as text. */
export function spotText(id: number): string {
  return `${spotBillions(id)}${String(spotRest(id)).padStart(9, '0')}`;
}

/** Cold: the id of a trade of a contract as text. */
export function uuidText({ hash }: SymbolMarket, id: number): string {
  const words = [0, 1, 2, 3].map((word) => orderIdWord(hash, id, ORDER_ROLES.trade, word));
  const hex = words.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
