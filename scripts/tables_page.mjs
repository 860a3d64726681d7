// TABLES.md from the declarations in src/schema. Used by generate.mjs.
import { REFUSED_KEPT_BYTES, REFUSED_KEPT_PER_SECOND } from '../dist/src/base/limits.js';
import { REJECTED_REASONS } from '../dist/src/feed/rows/result.js';
import { COLUMN_TYPES, isWrittenFor } from '../dist/src/schema/columns.js';
import { FLAGS, MISSING_SHIFT } from '../dist/src/schema/flags.js';
import { OWN_COLUMNS } from '../dist/src/schema/own_columns.js';
import { GAP_CAUSES, INSTRUMENT_STATES, TABLES } from '../dist/src/schema/tables.js';
import { REJECTED_FILE_BYTES_MAX } from '../dist/src/store/columns/rejected.js';
import {
  checksumsFile,
  columnFile,
  literalsFile,
  rejectedFile,
  tableDirectory,
} from '../dist/src/store/disk/paths.js';

const EXAMPLE_DAY = 20_778;
const number = (value) => value.toLocaleString('en');

/** Exchanges whose files have a column that others lack. */
function exchangesWith(column) {
  return Object.keys(OWN_COLUMNS).filter((exchange) => isWrittenFor(exchange, column));
}

function columnRow(column) {
  const { numpy } = COLUMN_TYPES[column.type];
  const notes = [
    column.exact && 'exact',
    column.optional && 'optional',
    column.own && `only ${exchangesWith(column).join(', ')}`,
  ]
    .filter(Boolean)
    .join(', ');
  return `| \`${column.name}\` | ${column.type} | ${column.bytes} | \`${numpy}\` | ${notes} | ${column.doc} |`;
}

function tableLines(table) {
  const lines = [
    '',
    `## ${table.name}`,
    '',
    `${table.doc[0].toUpperCase()}${table.doc.slice(1)}. Table id ${table.id}; \`${table.time[0]}\` decides the day.`,
    '',
    '| column | type | bytes | numpy | | meaning |',
    '|---|---|---|---|---|---|',
    ...table.columns.map(columnRow),
  ];
  if (table.exactNumbers.length > 0) {
    const bytes = table.exactNumbers.map((name, i) => `bits ${i * 8}-${i * 8 + 7} \`${name}\``).join(', ');
    lines.push('', `\`scales\`: ${bytes}.`);
  }
  const missing = table.columns.filter(({ name }) => table.missing[name] !== 0);
  if (missing.length > 0) {
    const bits = missing.map(({ name }) => `${31 - Math.clz32(table.missing[name])} \`${name}\``).join(', ');
    lines.push('', `Bits of \`flags\` for values that the message did not carry: ${bits}.`);
  }
  return lines;
}

const READING = `## Reading with numpy

\`\`\`python
import numpy as np

def column(name, dtype, folder, day):
    return np.fromfile(f"{folder}/{name}.{day}.bin", dtype)

folder, day = "data/coinbase/BTC-USD/TRADES", "21.11.26"
price = column("trade_price", "<f4", folder, day)
size = column("trade_size", "<f4", folder, day)
time = column("trade_time", "<u4", folder, day).astype("datetime64[s]")
\`\`\`

While the logger runs, the column files of one day may differ in length for a moment: use the shortest.

A single-precision number holds about 7 digits. With \`[logger] exact = true\` every number is also kept exactly as it
was sent: \`*_digits\` is the literal without its point, and \`scales\` has the number of its decimals.

\`\`\`python
from decimal import Decimal

digits = column("price_digits", "<u8", folder, day)
scales = column("scales", "<u4", folder, day)
exact = [Decimal(int(d)).scaleb(-int(s & 0xff)) for d, s in zip(digits, scales)]
\`\`\``;

/** The whole page. */
export function tablesPage() {
  const example = `${tableDirectory('data', 'coinbase', 'BTC-USD', 'TRADES')}/${columnFile('trade_price', EXAMPLE_DAY)}`;
  const lines = [
    '# Tables',
    '',
    '<!-- Generated from src/schema by `npm run generate`; do not edit. -->',
    '',
    'Every column of a table and day is one file, little-endian, without a header:',
    '`{data_path}/{exchange}/{symbol}/{TABLE}/{column}.{DD}.{MM}.{YY}.bin`, e.g.',
    `\`${example}\`. Row *i* of every column file of a table and day is`,
    'the same row. Days are UTC. The symbol is the one of the exchange; bytes other than letters, digits, `.`, `_` and',
    '`-` are written `%HH`, and so is a leading dot or dash.',
    '',
    '- *exact* columns are only written with `[logger] exact = true` (the default).',
    '- *optional* columns hold NaN (f32), 0 (integers) or 16 zero bytes (uuid) where the message had no value, and',
    '  `flags` has their bit set.',
    '',
    '| type | bytes | numpy | |',
    '|---|---|---|---|',
    ...Object.entries(COLUMN_TYPES).map(
      ([name, { words, numpy, doc }]) => `| ${name} | ${words * 4} | \`${numpy}\` | ${doc} |`,
    ),
    ...TABLES.flatMap(tableLines),
    '',
    '## Flags',
    '',
    `Bits 0 to ${MISSING_SHIFT - 1} mean the same in every table; from bit ${MISSING_SHIFT} on they name missing values, as listed with each table.`,
    '',
    '| bit | name | meaning |',
    '|---|---|---|',
    ...Object.entries(FLAGS).map(([name, { bit, doc }]) => `| ${bit} | ${name} | ${doc} |`),
    '',
    '## Gap causes',
    '',
    '| cause | name | meaning |',
    '|---|---|---|',
    ...Object.entries(GAP_CAUSES).map(([name, { id, doc }]) => `| ${id} | ${name} | ${doc} |`),
    '',
    '## Instrument states',
    '',
    '| state | name | meaning |',
    '|---|---|---|',
    ...Object.entries(INSTRUMENT_STATES).map(([name, { id, doc }]) => `| ${id} | ${name} | ${doc} |`),
    '',
    '## Other files',
    '',
    `- \`${literalsFile(EXAMPLE_DAY)}\` in the folder of a table: numbers that fit no digits column, one JSON object a line with row, column and text.`,
    `- \`${checksumsFile(EXAMPLE_DAY)}\` in the folder of a table, once the day is over: the number of rows, and bytes and CRC-32 of each of its files, which only grow behind these bytes (\`store/seal/file.ts\`).`,
    `- \`${rejectedFile(EXAMPLE_DAY)}\` in the folder of an exchange: messages that could not be read, one JSON object a line with day, reason and text.`,
    '',
    `Of refused messages ${REFUSED_KEPT_PER_SECOND} a second and connection are kept, the first ${number(REFUSED_KEPT_BYTES)} bytes of each, until the file of the`,
    `day has ${REJECTED_FILE_BYTES_MAX / 2 ** 20} MiB; all of them are counted. Bytes that are not UTF-8 are shown as U+FFFD.`,
    '',
    '| reason | meaning |',
    '|---|---|',
    ...Object.entries(REJECTED_REASONS).map(([reason, meaning]) => `| ${reason} | ${meaning} |`),
    '',
    READING,
  ];
  return `${lines.join('\n')}\n`;
}
