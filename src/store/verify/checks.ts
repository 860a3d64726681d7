/**
 * What must hold for the rows of a block, one check per function, each a plain loop over typed arrays: tens of
 * millions of rows pass here. Called by verify.ts in a pool task. BigInt only where a row is already suspicious.
 */
import { nearestFloat32 } from '../../base/exact.js';
import { FLAGS } from '../../schema/flags.js';
import { GAP_CAUSES, GAPS, INSTRUMENT_STATES, INSTRUMENTS, tableById } from '../../schema/tables.js';
import {
  decimalOf,
  f32OfText,
  type Literals,
  POWERS_OF_TEN,
  QUOTIENT_ABOVE,
  QUOTIENT_BELOW,
  scaleOf,
  textOfF32,
} from '../read/decimals.js';
import type { Problems } from '../read/problems.js';
import { type Block, f32Of, u32Of, u64Of } from '../read/reader.js';
import { type NumberRole, RECV_TIME, rolesOf } from '../read/roles.js';
import { flagNames, isoTime } from '../read/row_text.js';

const DAY_SECS = 86_400;
const NANOS = 1_000_000_000;
const SUSPECT_CLOCK = 1 << FLAGS.suspect_clock.bit;
const FAILED_VALIDATION = 1 << FLAGS.failed_validation.bit;
const LITERAL_IN_SIDECAR = 1 << FLAGS.literal_in_sidecar.bit;

/** Runs every check on a block that holds all columns of its table-day. */
export function checkBlock(block: Block, literals: Literals, problems: Problems): void {
  checkFlags(block, problems);
  checkTimes(block, problems);
  checkDay(block, problems);
  checkSides(block, problems);
  checkMissing(block, problems);
  checkSidecarFlag(block, literals, problems);
  for (const role of rolesOf(block.tableDay.table).numbers) checkNumber(block, role, literals, problems);
  if (block.tableDay.table === GAPS) checkGaps(block, problems);
  if (block.tableDay.table === INSTRUMENTS) checkStates(block, problems);
}

function checkFlags(block: Block, problems: Problems): void {
  const { table } = block.tableDay;
  const flags = u32Of(block, 'flags');
  const unknown = ~rolesOf(table).knownFlags;
  for (let i = 0; i < flags.length; i++) {
    if ((flags[i]! & unknown) === 0) continue;
    problems.add('flags', () => `row ${block.fromRow + i}: unknown ${flagNames(table, flags[i]! & unknown)}`);
  }
}

function checkTimes(block: Block, problems: Problems): void {
  const roles = rolesOf(block.tableDay.table);
  for (const name of roles.times.values()) {
    if (name === undefined) continue;
    const nanos = u32Of(block, name);
    for (let i = 0; i < nanos.length; i++)
      if (nanos[i]! >= NANOS) problems.add('time', () => `row ${block.fromRow + i}: ${name} is ${nanos[i]}`);
  }
  if (!roles.received) return;
  const received = u32Of(block, RECV_TIME);
  for (let i = 0; i < received.length; i++)
    if (received[i] === 0) problems.add('time', () => `row ${block.fromRow + i}: ${RECV_TIME} is 0`);
}

/** A row lies in the file of its event day, or, when its clock is not believed, of its receive day. */
function checkDay(block: Block, problems: Problems): void {
  const { table, day } = block.tableDay;
  const from = day * DAY_SECS;
  const to = from + DAY_SECS;
  const event = u32Of(block, table.time[0]);
  const flags = u32Of(block, 'flags');
  const received = rolesOf(table).received ? u32Of(block, RECV_TIME) : event;
  for (let i = 0; i < event.length; i++) {
    if (event[i]! >= from && event[i]! < to) continue;
    const suspect = (flags[i]! & SUSPECT_CLOCK) !== 0;
    if (suspect && received[i]! >= from && received[i]! < to) continue;
    problems.add(
      'time',
      () =>
        `row ${block.fromRow + i}: ${suspect ? 'suspect clock and received' : table.time[0]} ` +
        `${isoTime((suspect ? received : event)[i]!).slice(0, -1)}, which is not the day of the file`,
    );
  }
}

function checkSides(block: Block, problems: Problems): void {
  for (const name of rolesOf(block.tableDay.table).sides) {
    const sides = u32Of(block, name);
    for (let i = 0; i < sides.length; i++)
      if (sides[i]! > 2) problems.add('side', () => `row ${block.fromRow + i}: ${name} is ${sides[i]}`);
  }
}

function checkMissing(block: Block, problems: Problems): void {
  const { table } = block.tableDay;
  const flags = u32Of(block, 'flags');
  for (const { name, type } of table.columns) {
    if (type !== 'f32') continue;
    const values = f32Of(block, name);
    const mask = table.missing[name]!;
    const excuse = FAILED_VALIDATION | LITERAL_IN_SIDECAR;
    for (let i = 0; i < values.length; i++) {
      const missing = (flags[i]! & mask) !== 0;
      if (Number.isNaN(values[i]!) === missing || (!missing && (flags[i]! & excuse) !== 0)) continue;
      problems.add(
        'missing',
        () =>
          `row ${block.fromRow + i}: ${name} is ${missing ? `${textOfF32(values[i]!)} but flagged missing` : 'NaN without a flag'}`,
      );
    }
  }
}

/** Rows with the flag have a text, rows with a text have the flag. */
function checkSidecarFlag(block: Block, literals: Literals, problems: Problems): void {
  const flags = u32Of(block, 'flags');
  for (let i = 0; i < flags.length; i++) {
    if ((flags[i]! & LITERAL_IN_SIDECAR) === 0 || literals.has(block.fromRow + i)) continue;
    problems.add('sidecar', () => `row ${block.fromRow + i}: flag literal_in_sidecar, but no line for it`);
  }
  for (const row of literals.keys()) {
    if ((flags[row - block.fromRow]! & LITERAL_IN_SIDECAR) !== 0) continue;
    problems.add('sidecar', () => `row ${row}: has a line, but not the flag literal_in_sidecar`);
  }
}

/** `f32 === round(digits / 10^scale)`: in doubles when no rounding boundary is near, otherwise exactly. */
function checkNumber(block: Block, role: NumberRole, literals: Literals, problems: Problems): void {
  if (block.columns[role.digits] === undefined || block.columns[role.scales] === undefined) return;
  const values = f32Of(block, role.value);
  const digits = u64Of(block, role.digits);
  const words = new Uint32Array(digits.buffer, digits.byteOffset, digits.length * 2);
  const scales = u32Of(block, role.scales);
  const shift = role.byte * 8;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    const quotient =
      (words[2 * i + 1]! * 2 ** 32 + words[2 * i]!) / POWERS_OF_TEN[(scales[i]! >>> shift) & 0xff]!;
    if (Math.fround(quotient * QUOTIENT_BELOW) === value && Math.fround(quotient * QUOTIENT_ABOVE) === value)
      continue;
    checkNumberExactly(block, role, i, literals, problems);
  }
}

function checkNumberExactly(
  block: Block,
  role: NumberRole,
  i: number,
  literals: Literals,
  problems: Problems,
): void {
  const row = block.fromRow + i;
  const value = f32Of(block, role.value)[i]!;
  const digits = u64Of(block, role.digits)[i]!;
  const scales = u32Of(block, role.scales)[i]!;
  const flags = u32Of(block, 'flags')[i]!;
  if ((flags & block.tableDay.table.missing[role.value]!) !== 0) {
    if (digits !== 0n)
      problems.add('digits', () => `row ${row}: ${role.digits} is ${digits} but flagged missing`);
    return;
  }
  const text = literals.get(row)?.get(role.value);
  const expected = text === undefined ? nearestFloat32(digits, scaleOf(scales, role.byte)) : f32OfText(text);
  // a text that is no number has no value to compare with; NaN without a reason is named by checkMissing
  if (expected === undefined || expected === value || Number.isNaN(value)) return;
  problems.add(
    'digits',
    () =>
      `row ${row}: ${role.value} is ${textOfF32(value)}, but its digits say ${(text ?? decimalOf(digits, scales, role.byte)).slice(0, 80)}`,
  );
}

const CAUSES: ReadonlySet<number> = new Set(Object.values(GAP_CAUSES).map(({ id }) => id));

function checkGaps(block: Block, problems: Problems): void {
  const tables = u32Of(block, 'table');
  const causes = u32Of(block, 'cause');
  const from = u64Of(block, 'from_id');
  const to = u64Of(block, 'to_id');
  for (let i = 0; i < block.rows; i++) {
    const row = block.fromRow + i;
    if (tableById(tables[i]!) === undefined)
      problems.add('gaps', () => `row ${row}: no table has the id ${tables[i]}`);
    if (!CAUSES.has(causes[i]!)) problems.add('gaps', () => `row ${row}: cause ${causes[i]} is unknown`);
    if (from[i]! > to[i]!)
      problems.add('gaps', () => `row ${row}: from_id ${from[i]} is above to_id ${to[i]}`);
  }
}

const STATES: ReadonlySet<number> = new Set(Object.values(INSTRUMENT_STATES).map(({ id }) => id));

function checkStates(block: Block, problems: Problems): void {
  for (const [i, state] of u32Of(block, 'state').entries())
    if (!STATES.has(state))
      problems.add('state', () => `row ${block.fromRow + i}: state ${state} is unknown`);
}
