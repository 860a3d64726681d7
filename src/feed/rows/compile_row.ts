/**
 * HOT: rows from the values that the reader of messages has found, once per trade, ticker or quote, in shard threads. An
 * exchange declares which value goes to which column, and that declaration is compiled to one function, several times
 * faster than a call per column: what is constant for the exchange is constant in the code, and a plain number is copied
 * from where the reader left it. Everything out of the ordinary calls the methods of Rows that are there for all.
 *
 *   const write = compileRow({ table: TRADES, columns: { trade_id: { id: ID }, … }, time: { epoch: TIME }, … }, …);
 *   …
 *   return write(o, slot);
 */
import { compile } from '../../base/compile.js';
import { flag } from '../../schema/flags.js';
import { SEEN, type Sequence } from '../continuity/sequence.js';
import { KIND } from '../json/bytes.js';
import type { JsonSlots } from '../json/slots.js';
import { RESULT } from './result.js';
import {
  type FieldExpressions,
  ROW_TOOLS,
  type RowExpressions,
  requiredCode,
  rowCode,
} from './row_codegen.js';
import type { RowMapping } from './row_mapping.js';
import type { RowWriter } from './row_writer.js';
import { epochTime, epochTimeOrReceipt, isoTime, isoTimeOrReceipt, u64At } from './values.js';

const DUPLICATE_KEPT = flag('duplicate_kept');

/** Writes the object whose first value is `o` as a row of the stream in `slot`: a RESULT. */
export type WriteRow = (o: number, slot: number) => number;

/** Values by position, in `arrays` of the JsonSlots `slots`, behind position `o`. */
function accessTo(slots: string, arrays: string, o: string): FieldExpressions {
  const at = (field: number) => `${o} + ${field}`;
  const of = (array: string) => (field: number) => `${arrays}${array}[${at(field)}]`;
  const [from, to, kind, digits, decimals] = ['from', 'to', 'kind', 'digits', 'decimals'].map(of);
  const isText = (field: number) =>
    `(${kind(field)} === ${KIND.string} || ${kind(field)} === ${KIND.number})`;
  return {
    ...{ from, to, kind, decimals },
    there: (field) => `${isText(field)} && ${to(field)} > ${from(field)}`,
    // of an absent field the arrays hold what stood there before
    digits: (field) => `(${isText(field)} ? ${digits(field)} : -1)`,
    decimalCall: (field, word, digitsWord, position, positive) =>
      `rows.decimalAt(${slots}, ${at(field)}, ${word}, ${digitsWord}, ${position}, ${positive})`,
    floatCall: (field, word) => `rows.floatAt(${slots}, ${at(field)}, ${word})`,
    idCall: (field, word) => `rows.idAt(${slots}, ${at(field)}, ${word})`,
    timeCall: (read, field, seconds, nanos) => `${read}(rows, ${slots}, ${at(field)}, ${seconds}, ${nanos})`,
    notUuid: (_, mask) => `flags |= ${mask};`,
    acceptId: (field) => [
      `value = u64At(${slots}, ${at(field)});`,
      'low = sequence.acceptRange(slot, value, value);',
      `if (low === ${SEEN.duplicate}) return ${RESULT.duplicate};`,
      `if (low === ${SEEN.uncertain}) flags |= ${DUPLICATE_KEPT};`,
    ],
    refuse: (result) => `return ${result};`,
  };
}

const SLOTS: RowExpressions = {
  row: accessTo('slots', '', 'o'),
  message: accessTo('message', 'message.', '0'),
};

/**
 * Cold. `slots` has the objects that become rows, `message` what is around them; `sequence` is undefined when
 * the rows are not subscribed; `extra` sets the columns of mapping.extraColumns; `written` is called for every row.
 */
export function compileRow(
  mapping: RowMapping,
  slots: JsonSlots,
  message: JsonSlots,
  rows: RowWriter,
  sequence: Sequence | undefined,
  extra?: (o: number) => void,
  written?: (o: number) => void,
): WriteRow {
  const tools = {
    ...ROW_TOOLS,
    ...{ slots, message, rows, sequence, table: mapping.table, u32: rows.u32, f32: rows.f32 },
    ...{ epochTime, epochTimeOrReceipt, isoTime, isoTimeOrReceipt, u64At, extra, written },
  };
  const lines = [
    'const { bytes, view, from, to, kind, digits, decimals } = slots;',
    ...requiredCode(mapping, SLOTS),
    `if (slot < 0) return ${RESULT.unwanted};`,
    ...(sequence === undefined
      ? [`return ${RESULT.unwanted};`]
      : [
          ...rowCode(mapping, SLOTS, extra === undefined ? '' : 'extra(o)'),
          ...(written === undefined ? [] : ['written(o);']),
          `return ${RESULT.rows};`,
        ]),
  ];
  // of its own name and so of its own code: what V8 learns of rare rows does not slow those of every message down
  const kind = rows.always === 0 ? 'row' : 'repaired_row';
  return compile<WriteRow>(`${kind}_${mapping.table.name}`, 'o, slot', lines, tools);
}
