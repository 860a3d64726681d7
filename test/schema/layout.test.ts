/**
 * Pins the derived layout of every record. It is an ON-DISK FORMAT: names, types and order of columns decide how
 * files and journals that users already have are read. A difference here needs a [CHANGE] line in the changelog that
 * says how to migrate; then the snapshot is edited by hand, never regenerated.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { FLAGS, MISSING_SHIFT } from '../../src/schema/flags.js';
import { GAP_CAUSES, INSTRUMENT_STATES, TABLES } from '../../src/schema/tables.js';

function snapshot(): string {
  const lines: string[] = [];
  for (const table of TABLES) {
    lines.push(`table ${table.name} id ${table.id} words ${table.words} time ${table.time.join(' ')}`);
    for (const { name, type, word, words, bytes, exact } of table.columns) {
      const missing = table.missing[name] === 0 ? '' : ` missing-bit ${31 - Math.clz32(table.missing[name])}`;
      lines.push(`  ${name} ${type} word ${word}+${words} bytes ${bytes}${exact ? ' exact' : ''}${missing}`);
    }
    if (table.exactNumbers.length > 0) lines.push(`  scales: ${table.exactNumbers.join(' ')}`);
  }
  lines.push(`flags, missing from bit ${MISSING_SHIFT}`);
  for (const [name, { bit }] of Object.entries(FLAGS)) lines.push(`  ${bit} ${name}`);
  lines.push('gap causes');
  for (const [name, { id }] of Object.entries(GAP_CAUSES)) lines.push(`  ${id} ${name}`);
  lines.push('instrument states');
  for (const [name, { id }] of Object.entries(INSTRUMENT_STATES)) lines.push(`  ${id} ${name}`);
  return `${lines.join('\n')}\n`;
}

test('the layout is the one on disk', () => {
  assert.equal(snapshot(), readFileSync('test/schema/layout.snapshot.txt', 'utf8'));
});

test('no word of a record belongs to two columns', () => {
  for (const table of TABLES) {
    const owner = new Map<number, string>();
    for (const { name, word, words } of table.columns) {
      for (let w = word; w < word + words; w++) {
        assert.ok(w >= 3 && w < table.words && !owner.has(w), `${table.name}.${name} word ${w}`);
        owner.set(w, name);
      }
    }
  }
});

test('ids and bits are given once', () => {
  for (const numbers of [
    TABLES.map(({ id }) => id),
    Object.values(FLAGS).map(({ bit }) => bit),
    Object.values(GAP_CAUSES).map(({ id }) => id),
    Object.values(INSTRUMENT_STATES).map(({ id }) => id),
  ]) {
    assert.equal(new Set<number>(numbers).size, numbers.length);
  }
});
