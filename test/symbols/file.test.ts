/** Symbol files that are refused, each with its line; and the shipped file against what exchanges listed themselves. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { LoggerError } from '../../src/base/errors.js';
import { loadSymbolMapper, parseSymbolFile } from '../../src/symbols/file.js';
import { SymbolMapper } from '../../src/symbols/mapper.js';
import { corpusMissing } from '../support/corpus.js';

function problems(source: string): string[] {
  try {
    parseSymbolFile(source, 'FILE');
  } catch (error) {
    if (!(error instanceof LoggerError) || error.code !== 'SYMBOL_FILE_INVALID') throw error;
    assert.equal(error.exitStatus, 2);
    return error.message.split('\n');
  }
  return [];
}

const HEAD = 'exchanges: [binance, kraken]\nequivalence: {}\nmappings:\n';
const BTC =
  '  - { normalized: BTC-USDT, base: BTC, quote: USDT, quote_type: stablecoin, binance: BTCUSDT }\n';

test('a valid file has no problems', () => assert.deepEqual(problems(HEAD + BTC), []));

const REFUSED: readonly [string, string, readonly string[]][] = [
  [
    'a native name on two normalized names',
    `${HEAD}${BTC}  - { normalized: BTC-USDC, base: BTC, quote: USDC, quote_type: stablecoin, binance: BTCUSDT }\n`,
    ['FILE:5: BTCUSDT of binance already stands for BTC-USDT on line 4; one of the two is wrong'],
  ],
  [
    'a native name that is another symbol as an alternative',
    `${HEAD}${BTC}  - { normalized: BTC-USDC, base: BTC, quote: USDC, quote_type: stablecoin, binance: BTCUSDC, binance_alt: [X, BTCUSDT] }\n`,
    ['FILE:5: BTCUSDT of binance already stands for BTC-USDT on line 4; one of the two is wrong'],
  ],
  [
    'a native name twice in one mapping',
    `${HEAD}  - normalized: BTC-USDT\n    base: BTC\n    quote: USDT\n    quote_type: stablecoin\n    binance: BTCUSDT\n    binance_alt: BTCUSDT\n`,
    ['FILE:9: BTCUSDT of binance already stands for BTC-USDT on line 8; one of the two is wrong'],
  ],
  [
    'a normalized name twice',
    `${HEAD}${BTC}  - { normalized: BTC-USDT, base: BTC, quote: USDT, quote_type: stablecoin, kraken: BTC/USDT }\n`,
    ['FILE:5: BTC-USDT is already mapped on line 4; merge the two'],
  ],
  [
    'base and quote that disagree with the name',
    `${HEAD}  - normalized: BTC-USD\n    base: BTC\n    quote: USDT\n    quote_type: stablecoin\n    binance: BTCUSDT\n`,
    ['FILE:4: BTC-USD must be BTC-USDT, as base and quote say'],
  ],
  [
    'an asset with a dash',
    `${HEAD}  - normalized: B-TC-USD\n    base: B-TC\n    quote: USD\n    quote_type: fiat\n    binance: X\n`,
    ['FILE:5: base B-TC and quote USD must be without dash and white space'],
  ],
  [
    'an unknown quote type',
    `${HEAD}  - normalized: BTC-USD\n    base: BTC\n    quote: USD\n    quote_type: paper\n    binance: X\n`,
    ['FILE:7: quote_type must be fiat, stablecoin, crypto; it is paper'],
  ],
  [
    'a quote asset of two types',
    `${HEAD}${BTC}  - { normalized: ETH-USDT, base: ETH, quote: USDT, quote_type: fiat, binance: ETHUSDT }\n`,
    ['FILE:5: quote USDT is fiat here and stablecoin on line 4'],
  ],
  [
    'an unknown key in a mapping',
    `${HEAD}  - normalized: BTC-USDT\n    base: BTC\n    quote: USDT\n    quote_type: stablecoin\n    binanse: BTCUSDT\n`,
    ['FILE:8: unknown key binanse; did you mean binance?', 'FILE:4: BTC-USDT names no exchange'],
  ],
  [
    'an unknown key at the top',
    `mapings: []\n${HEAD}${BTC}`,
    ['FILE:1: unknown key mapings; did you mean mappings?'],
  ],
  [
    'a missing field',
    `${HEAD}  - { normalized: A-B, base: A, binance: AB }\n`,
    ['FILE:4: the mapping lacks quote, quote_type'],
  ],
  [
    'a number for a name',
    `${HEAD}  - { normalized: 1-USDT, base: 1, quote: USDT, quote_type: stablecoin, binance: 1USDT }\n`,
    ['FILE:4: base must be text that is not empty; put it in quotes if it looks like a number'],
  ],
  [
    'an alternative without a first name',
    `${HEAD}  - { normalized: A-B, base: A, quote: B, quote_type: crypto, binance: AB, kraken_alt: A/B }\n`,
    ['FILE:4: kraken_alt without kraken: which name is the first?'],
  ],
  [
    'an asset in two groups',
    `exchanges: [binance]\nequivalence:\n  USD_LIKE: [USD, USDT]\n  TETHER:\n    - USDT\nmappings: []\n`,
    ['FILE:5: asset USDT is in TETHER and in USD_LIKE; an asset belongs to one group'],
  ],
  [
    'an asset twice in a group',
    `exchanges: [binance]\nequivalence:\n  USD_LIKE: [USD, USD]\nmappings: []\n`,
    ['FILE:3: asset USD stands twice in USD_LIKE'],
  ],
  [
    'sections of the wrong shape',
    'exchanges: binance\nequivalence: [USD]\nmappings: {}\n',
    [
      'FILE:1: exchanges must be a list',
      'FILE:2: equivalence must be a map of keys and values',
      'FILE:3: mappings must be a list',
    ],
  ],
  ['a missing section', 'exchanges: []\nequivalence: {}\n', ['FILE:1: the file lacks mappings']],
  [
    'a mapping that is no map',
    `${HEAD}  - BTC-USDT\n`,
    [
      'FILE:4: a mapping must be a map of keys and values',
      'FILE:4: the mapping lacks normalized, base, quote, quote_type',
    ],
  ],
];

for (const [name, source, expected] of REFUSED) {
  test(`refused: ${name}`, () => assert.deepEqual(problems(source), expected));
}

test('refused: broken YAML and a key given twice, with the line', () => {
  assert.match(problems(`${HEAD}  - { normalized: A\n`)[0], /^FILE:\d+: /);
  assert.match(problems(`${HEAD}${BTC}exchanges: []\n`).join(), /^FILE:5: .*unique/);
  assert.deepEqual(problems(''), [
    'FILE:1: the file must be a map of keys and values',
    'FILE:1: the file lacks exchanges, equivalence, mappings',
  ]);
});

test('a missing file is one line', () => {
  assert.throws(() => loadSymbolMapper('/nowhere.yaml'), {
    code: 'SYMBOL_FILE_INVALID',
    message: /^\/nowhere\.yaml: cannot be read: ENOENT/,
  });
});

test('the shipped file is valid and covers the main markets', () => {
  const mapper = loadSymbolMapper('symbol_mappings.yaml');
  assert.ok(mapper.list().length >= 40);
  assert.equal(mapper.normalize('kraken', 'XBT/USD'), 'BTC-USD');
  assert.equal(mapper.normalize('upbit', 'USDT-BTC'), 'BTC-USDT', 'Upbit writes the quote first');
  assert.equal(mapper.toExchange('ETH-BTC', 'binance'), 'ETHBTC');
  assert.deepEqual(
    mapper.getUsdPairs('BTC').map(({ normalized }) => normalized),
    ['BTC-USD', 'BTC-USDT', 'BTC-USDC'],
  );
});

test('names that objects inherit are names', () => {
  for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
    const text = `
exchanges: [coinbase, ${name}]
equivalence: { ${name}: [USD, USDT] }
mappings:
  - { normalized: BTC-USD, base: BTC, quote: USD, quote_type: fiat, coinbase: BTC-USD, ${name}: [BTCUSD, XBTUSD] }
  - { normalized: ETH-USD, base: ETH, quote: USD, quote_type: fiat, coinbase: ETH-USD }`;
    const file = parseSymbolFile(text, 'names.yaml');
    assert.deepEqual(Object.entries(file.equivalence), [[name, ['USD', 'USDT']]]);
    assert.deepEqual(Object.entries(file.mappings[0].natives), [
      ['coinbase', ['BTC-USD']],
      [name, ['BTCUSD', 'XBTUSD']],
    ]);
    const mapper = new SymbolMapper(file);
    assert.equal(mapper.normalize(name, 'XBTUSD'), 'BTC-USD');
    assert.equal(mapper.toExchange('BTC-USD', name), 'BTCUSD');
    assert.equal(mapper.toExchange('ETH-USD', name), undefined);
    assert.ok(mapper.areEquivalent('BTC-USD', 'BTC-USDT'));
  }
});

/** What each exchange listed: native name, base, quote; from recorded REST answers. */
const LISTINGS: readonly [string, string, (answer: never) => [string, string, string][]][] = [
  [
    'coinbase',
    'coinbase/products-20250818.json',
    (list: { id: string; base_currency: string; quote_currency: string }[]) =>
      list.map((p) => [p.id, p.base_currency, p.quote_currency]),
  ],
  [
    'coinbase-advanced',
    'coinbase/advanced-products-20260809.json',
    (answer: { products: { product_id: string; base_currency_id: string; quote_currency_id: string }[] }) =>
      answer.products.map((p) => [p.product_id, p.base_currency_id, p.quote_currency_id]),
  ],
  [
    'binance',
    'binance-spot/exchangeInfo-20211012.json',
    (info: { symbols: { symbol: string; baseAsset: string; quoteAsset: string }[] }) =>
      info.symbols.map((s) => [s.symbol, s.baseAsset, s.quoteAsset]),
  ],
  [
    'bybit',
    'bybit/instruments-info-spot-20260809.json',
    (info: { result: { list: { symbol: string; baseCoin: string; quoteCoin: string }[] } }) =>
      info.result.list.map((s) => [s.symbol, s.baseCoin, s.quoteCoin]),
  ],
  [
    'okx',
    'okx/instruments-SPOT-20220513.json',
    (info: { data: { instId: string; baseCcy: string; quoteCcy: string }[] }) =>
      info.data.map((s) => [s.instId, s.baseCcy, s.quoteCcy]),
  ],
];

for (const [exchange, file, read] of LISTINGS) {
  const path = join('../shared/corpus/rest', file);
  test(`the shipped names of ${exchange} agree with its own base and quote`, {
    skip: corpusMissing,
  }, () => {
    const listed = new Map(
      read(JSON.parse(readFileSync(path, 'utf8')) as never).map(([native, base, quote]) => [
        native,
        `${base}-${quote}`,
      ]),
    );
    let compared = 0;
    for (const { normalized, natives } of loadSymbolMapper('symbol_mappings.yaml').list()) {
      for (const native of natives[exchange] ?? []) {
        if (!listed.has(native)) continue;
        assert.equal(listed.get(native), normalized, native);
        compared++;
      }
    }
    assert.ok(compared >= 20, `${compared} names compared`);
  });
}
