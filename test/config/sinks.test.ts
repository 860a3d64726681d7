/** Sections of sinks: names are free, options are those of their type, and everything that is wrong has its line. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diffConfig } from '../../src/config/diff.js';
import { effectiveToml } from '../../src/config/document.js';
import { loadSinkKinds } from '../../src/sinks/index.js';
import { PLUGINS, problems, read } from './fixtures.js';

const TYPES = PLUGINS.sinks.map(({ type }) => JSON.stringify(type)).join(', ');
const FILES = '[sinks.files]\ntype = "jsonl"\n';
const TWO = `${FILES}path = "a"\n[sinks.more]\ntype = "jsonl"\npath = "b"\ntables = ["TRADES"]\n`;

test('every type has options with defaults that they allow, and a sentence', async () => {
  const kinds = await loadSinkKinds();
  assert.deepEqual(
    kinds.map(({ type }) => type),
    PLUGINS.sinks.map(({ type }) => type),
  );
  for (const { type, doc, options } of kinds) {
    assert.match(doc, /^[A-Z].*\.$/, type);
    for (const [name, option] of Object.entries(options)) {
      assert.equal(option.refuses(option.default), undefined, `${type}.${name}`);
      assert.equal(option.applies, 'reload', `${type}.${name}`);
    }
  }
});

test('several sinks of one type have values of their own and the defaults of all sinks', () => {
  const { sinks } = read(TWO).config;
  assert.deepEqual(Object.keys(sinks), ['files', 'more']);
  assert.deepEqual([sinks['files']?.['path'], sinks['more']?.['path']], ['a', 'b']);
  const { type, from, exchanges, symbols, tables } = sinks['files'] ?? {};
  assert.deepEqual(
    { type, from, exchanges, symbols, tables },
    {
      ...{ type: 'jsonl', from: 'start', exchanges: 'all', symbols: 'all', tables: 'all' },
    },
  );
});

test('an environment variable goes before the file', () => {
  const { config, origins } = read(FILES, { LOGGER__SINKS__FILES__PATH: '/mnt/rows' });
  assert.equal(config.sinks['files']?.['path'], '/mnt/rows');
  assert.equal(origins.get('sinks.files.path'), 'LOGGER__SINKS__FILES__PATH');
});

test('the effective values read back as the same configuration', () => {
  const { config, origins } = read(TWO);
  assert.deepEqual(read(effectiveToml(config, origins, PLUGINS)).config, config);
});

const REFUSED: readonly [string, string, readonly string[]][] = [
  [
    'no type',
    '[sinks.a]\npath = "x"\n',
    [`FILE:1: sinks.a lacks its type; write type = and one of ${TYPES}`],
  ],
  [
    'an unknown type',
    '[sinks.a]\n\ntype = "json"\n',
    [`FILE:1: sinks.a.type must be one of ${TYPES}; it is "json"; did you mean "jsonl"?`],
  ],
  [
    'an unknown key',
    `${FILES}pth = "x"\n`,
    ['FILE:3: unknown key sinks.files.pth; did you mean sinks.files.path?'],
  ],
  [
    'an exchange that does not exist',
    `${FILES}exchanges = ["coinbse"]\n`,
    [
      'FILE:3: sinks.files.exchanges must be "all" or a list of exchanges, at least one, none twice; "coinbse" is none of coinbase, binance',
    ],
  ],
  [
    'a beginning on a day that does not exist',
    `${FILES}from = "2026-02-30"\n`,
    [
      'FILE:3: sinks.files.from must be "start", "now" or a time such as "2026-11-30T12:00:00Z" or "2026-11-30"; it is "2026-02-30"',
    ],
  ],
  [
    'no beginning',
    `${FILES}from = "yesterday"\n`,
    [
      'FILE:3: sinks.files.from must be "start", "now" or a time such as "2026-11-30T12:00:00Z" or "2026-11-30"; it is "yesterday"',
    ],
  ],
  [
    'a name that is no file name',
    '[sinks."a b"]\ntype = "jsonl"\n',
    ['FILE:1: the name of a sink is made of small letters, digits and dashes: "a b"'],
  ],
  [
    'a placeholder that does not exist',
    '[sinks.a]\ntype = "redis"\ntrades = "trades:{symbl}"\n',
    [
      'FILE:3: sinks.a.trades must be text with any of {exchange}, {symbol}, {native}, or "" for none; there is no {symbl}: "trades:{symbl}"',
    ],
  ],
  [
    'a template that lacks a placeholder',
    '[sinks.a]\ntype = "redis"\nkline = "kline:{symbol}:{interval}"\nstream = "{{symbol}:"\n',
    [
      'FILE:3: sinks.a.kline must be text with any of {exchange}, {symbol}, {native}, {interval}, {timestamp}, at least {interval} and {timestamp}, or "" for none; it lacks {timestamp}: "kline:{symbol}:{interval}"',
      'FILE:4: sinks.a.stream must be text with any of {exchange}, {symbol}, {native}, {table}, or "" for none; its braces do not match: "{{symbol}:"',
    ],
  ],
  ['no section', 'sinks = 1\n', ['FILE:1: sinks must be a section, written [sinks]']],
  [
    'no journal to read',
    `[journal]\nenabled = false\n${FILES}`,
    [
      'FILE:2: journal.enabled must be true while there is a section [sinks.*]: a sink reads the journal; it is false',
    ],
  ],
];

for (const [what, text, expected] of REFUSED)
  test(`refused: ${what}`, () => assert.deepEqual(problems(text), expected));

test('a sink that comes, goes or changes is one change that a reload makes', () => {
  const change = (before: string, after: string) =>
    diffConfig(read(before).config, read(after).config).map(({ key, applies }) => `${key} ${applies}`);
  assert.deepEqual(change(TWO, FILES), ['sinks.files reload', 'sinks.more reload']);
  assert.deepEqual(change('', FILES), ['sinks.files reload']);
  assert.deepEqual(change(TWO, TWO), []);
});
