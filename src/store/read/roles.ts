/**
 * What the columns of a table stand for, derived from its declaration: times, sides, and
 * numbers with their exact digits. Printing and verification both work from this; no table is named here.
 */
import { assert } from '../../base/errors.js';
import { FLAGS } from '../../schema/flags.js';
import { scalesByte, scalesColumn, type Table } from '../../schema/layout.js';

/** A number kept as f32 and as its exact digits. */
export interface NumberRole {
  /** the f32 column, which is also its name in the side-car */
  readonly value: string;
  /** the u64 column with its digits, without the point */
  readonly digits: string;
  /** the column with its decimals, and its byte there from the lowest */
  readonly scales: string;
  readonly byte: number;
}

export interface Roles {
  /** seconds column -> nanoseconds column; undefined where whole seconds are all there is */
  readonly times: ReadonlyMap<string, string | undefined>;
  readonly sides: readonly string[];
  readonly numbers: readonly NumberRole[];
  /** every bit of `flags` that has a meaning in this table */
  readonly knownFlags: number;
  /** whether rows carry the time they were received */
  readonly received: boolean;
}

export const RECV_TIME = 'recv_time';
export const RECV_NANOS = 'recv_nanos';

function derive(table: Table): Roles {
  const names = new Set(table.columns.map((c) => c.name));
  const times = new Map<string, string | undefined>();
  for (const { name, type } of table.columns) {
    if (type !== 'u32' || !/(^|_)time$/.test(name)) continue;
    const nanos = name.replace(/time$/, 'nanos');
    times.set(name, names.has(nanos) ? nanos : undefined);
  }
  const numbers = table.exactNumbers.map((name, position) => {
    const value = table.columns.filter(
      (c) => c.type === 'f32' && (c.name === name || (!names.has(name) && c.name.endsWith(`_${name}`))),
    );
    assert(value.length === 1, `${table.name}: one f32 column belongs to ${name}`);
    return {
      value: value[0]!.name,
      digits: `${name}_digits`,
      scales: scalesColumn(position),
      byte: scalesByte(position),
    };
  });
  let knownFlags = 0;
  for (const { bit } of Object.values(FLAGS)) knownFlags |= 1 << bit;
  for (const { name } of table.columns) knownFlags |= table.missing[name]!;
  return {
    times,
    sides: table.columns.filter((c) => c.type === 'u32' && /(^|_)side$/.test(c.name)).map((c) => c.name),
    numbers,
    knownFlags,
    received: names.has(RECV_TIME),
  };
}

const derived = new Map<Table, Roles>();

export function rolesOf(table: Table): Roles {
  let roles = derived.get(table);
  if (roles === undefined) derived.set(table, (roles = derive(table)));
  return roles;
}
