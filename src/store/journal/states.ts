/**
 * What table-days and text files hold at a certain block of the journal, as plain data: the content of the checkpoint
 * and of `bases` blocks. The redo counts from these.
 */

/** A table-day: its rows, the bytes of its literals side-car, and the columns that it began with. */
export interface TableDayState {
  readonly exchange: string;
  /** folder name of the symbol */
  readonly directory: string;
  readonly table: string;
  readonly day: number;
  readonly rows: number;
  readonly textBytes: number;
  readonly columns: readonly string[];
}

/** The file of refused messages of an exchange and day. */
export interface RejectedState {
  readonly exchange: string;
  readonly day: number;
  readonly bytes: number;
}

export interface States {
  readonly tableDays: readonly TableDayState[];
  readonly rejected: readonly RejectedState[];
}

export const NO_STATES: States = { tableDays: [], rejected: [] };

/** As it stands in files: lists of columns once, since thousands of table-days share them. */
export interface EncodedStates {
  readonly columns: readonly (readonly string[])[];
  readonly table_days: readonly (readonly [string, string, string, number, number, number, number])[];
  readonly rejected: readonly (readonly [string, number, number])[];
}

export function encodeStates(states: States): EncodedStates {
  const sets = new Map<string, number>();
  const columns: (readonly string[])[] = [];
  const setOf = (names: readonly string[]): number => {
    const key = names.join(' ');
    let set = sets.get(key);
    if (set === undefined) {
      sets.set(key, (set = columns.length));
      columns.push(names);
    }
    return set;
  };
  return {
    table_days: states.tableDays.map((s) => [
      s.exchange,
      s.directory,
      s.table,
      s.day,
      s.rows,
      s.textBytes,
      setOf(s.columns),
    ]),
    columns,
    rejected: states.rejected.map((s) => [s.exchange, s.day, s.bytes]),
  };
}

export function decodeStates(encoded: EncodedStates): States {
  return {
    tableDays: encoded.table_days.map(([exchange, directory, table, day, rows, textBytes, set]) => ({
      exchange,
      directory,
      table,
      day,
      rows,
      textBytes,
      columns: encoded.columns[set],
    })),
    rejected: encoded.rejected.map(([exchange, day, bytes]) => ({ exchange, day, bytes })),
  };
}
