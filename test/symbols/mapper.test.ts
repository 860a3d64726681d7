/** The mapper's rules, one test each, on a small file; and the shipped file against the exchanges' own listings. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSymbolFile } from '../../src/symbols/file.js';
import { SymbolMapper } from '../../src/symbols/mapper.js';

const FILE = `
exchanges: [coinbase, binance, kraken]
equivalence:
  USD_EQUIVALENT: [USD, USDT, USDC]
mappings:
  - { normalized: BTC-USD, base: BTC, quote: USD, quote_type: fiat, coinbase: BTC-USD, kraken: BTC/USD, kraken_alt: [XBT/USD, XBTUSD] }
  - { normalized: BTC-USDT, base: BTC, quote: USDT, quote_type: stablecoin, binance: BTCUSDT, binance_alt: BTCUSDTX }
  - { normalized: BTC-EUR, base: BTC, quote: EUR, quote_type: fiat, coinbase: BTC-EUR }
  - { normalized: ETH-USD, base: ETH, quote: USD, quote_type: fiat, coinbase: ETH-USD }
`;

const mapper = () => new SymbolMapper(parseSymbolFile(FILE, 'test.yaml'));
const names = (mappings: readonly { normalized: string }[]) => mappings.map(({ normalized }) => normalized);

test('normalize knows the names of the file, the alternatives too, per exchange', () => {
  const symbols = mapper();
  assert.equal(symbols.normalize('kraken', 'BTC/USD'), 'BTC-USD');
  assert.equal(symbols.normalize('kraken', 'XBT/USD'), 'BTC-USD');
  assert.equal(symbols.normalize('kraken', 'XBTUSD'), 'BTC-USD');
  assert.equal(symbols.normalize('binance', 'BTCUSDTX'), 'BTC-USDT');
  assert.equal(symbols.normalize('coinbase', 'XBTUSD'), undefined);
  assert.equal(symbols.normalize('nowhere', 'BTC-USD'), undefined);
});

test('nothing is guessed from the spelling', () => {
  const symbols = mapper();
  assert.equal(symbols.normalize('binance', 'ETHUSDT'), undefined);
  assert.equal(symbols.normalize('coinbase', 'ADA-USD'), undefined);
  assert.equal(symbols.normalize('binance', 'btcusdt'), undefined);
  assert.equal(symbols.normalize('constructor', 'name'), undefined);
});

test('toExchange gives the first name, never an alternative', () => {
  const symbols = mapper();
  assert.equal(symbols.toExchange('BTC-USD', 'kraken'), 'BTC/USD');
  assert.equal(symbols.toExchange('BTC-USDT', 'binance'), 'BTCUSDT');
  assert.equal(symbols.toExchange('BTC-USD', 'binance'), undefined);
  assert.equal(symbols.toExchange('ADA-USD', 'coinbase'), undefined);
});

test('findRelated takes the same base and equivalent quotes, getUsdPairs those of the dollar', () => {
  const symbols = mapper();
  assert.deepEqual(names(symbols.findRelated('BTC', 'USDC')), ['BTC-USD', 'BTC-USDT']);
  assert.deepEqual(names(symbols.findRelated('BTC', 'EUR')), ['BTC-EUR']);
  assert.deepEqual(names(symbols.findRelated('ADA', 'USD')), []);
  assert.deepEqual(names(symbols.getUsdPairs('BTC')), ['BTC-USD', 'BTC-USDT']);
  assert.deepEqual(symbols.getUsdPairs('ETH'), [
    {
      normalized: 'ETH-USD',
      base: 'ETH',
      quote: 'USD',
      quote_type: 'fiat',
      natives: { coinbase: ['ETH-USD'] },
    },
  ]);
});

test('areEquivalent compares symbols by base and quote, and assets by group', () => {
  const symbols = mapper();
  assert.ok(symbols.areEquivalent('BTC-USD', 'BTC-USDT'));
  assert.ok(symbols.areEquivalent('ADA-USDC', 'ADA-USDT'));
  assert.ok(symbols.areEquivalent('BTC-EUR', 'BTC-EUR'));
  assert.ok(symbols.areEquivalent('USD', 'USDC'));
  assert.ok(symbols.areEquivalent('BTC', 'BTC'));
  assert.ok(!symbols.areEquivalent('BTC-USD', 'BTC-EUR'));
  assert.ok(!symbols.areEquivalent('BTC-USD', 'ETH-USD'));
  assert.ok(!symbols.areEquivalent('USDT-BTC', 'USDC-BTC'), 'the base must be the same, not equivalent');
  assert.ok(!symbols.areEquivalent('EUR', 'USD'));
  assert.ok(!symbols.areEquivalent('BTC', 'BTC-USD'));
  assert.ok(!symbols.areEquivalent('BTC-USD', 'BTC'));
});

test('register normalizes from the base and quote of the exchange', () => {
  const symbols = mapper();
  assert.equal(symbols.register('binance', 'ADAUSDT', 'ADA', 'USDT'), 'ADA-USDT');
  assert.equal(symbols.normalize('binance', 'ADAUSDT'), 'ADA-USDT');
  assert.equal(symbols.toExchange('ADA-USDT', 'binance'), 'ADAUSDT');
  assert.deepEqual(symbols.getUsdPairs('ADA'), [
    {
      normalized: 'ADA-USDT',
      base: 'ADA',
      quote: 'USDT',
      quote_type: 'stablecoin',
      natives: { binance: ['ADAUSDT'] },
    },
  ]);
  symbols.register('coinbase', 'ADA-GBP', 'ADA', 'GBP');
  assert.equal(symbols.findRelated('ADA', 'GBP')[0].quote_type, 'unknown');
});

test('a registered symbol joins the mapping of the file; the first name stays first', () => {
  const symbols = mapper();
  symbols.register('binance', 'BTCUSD', 'BTC', 'USD');
  assert.equal(symbols.toExchange('BTC-USD', 'binance'), 'BTCUSD');
  assert.equal(symbols.toExchange('BTC-USD', 'coinbase'), 'BTC-USD');
  symbols.register('kraken', 'BTCUSD.X', 'BTC', 'USD');
  assert.equal(symbols.toExchange('BTC-USD', 'kraken'), 'BTC/USD');
  assert.equal(symbols.normalize('kraken', 'BTCUSD.X'), 'BTC-USD');
});

test('what the file names wins over what the exchange lists', () => {
  const symbols = mapper();
  assert.equal(symbols.register('kraken', 'XBT/USD', 'XBT', 'ZUSD'), 'BTC-USD');
  assert.equal(symbols.normalize('kraken', 'XBT/USD'), 'BTC-USD');
  assert.deepEqual(names(symbols.findRelated('XBT', 'ZUSD')), []);
});

test('registering again changes nothing; a name that the exchange gave to another pair moves', () => {
  const symbols = mapper();
  for (let i = 0; i < 3; i++) symbols.register('binance', 'LUNAUSDT', 'LUNA', 'USDT');
  assert.deepEqual(symbols.findRelated('LUNA', 'USDT')[0].natives, { binance: ['LUNAUSDT'] });
  symbols.register('binance', 'LUNAUSDT', 'LUNA2', 'USDT');
  assert.equal(symbols.normalize('binance', 'LUNAUSDT'), 'LUNA2-USDT');
  assert.deepEqual(symbols.findRelated('LUNA', 'USDT'), []);
  assert.equal(symbols.toExchange('LUNA-USDT', 'binance'), undefined);
});

test('a listing without base or quote stays unknown', () => {
  const symbols = mapper();
  assert.equal(symbols.register('binance', 'X', '', 'USDT'), undefined);
  assert.equal(symbols.register('binance', 'X', 'X', ''), undefined);
  assert.equal(symbols.normalize('binance', 'X'), undefined);
});

test('an asset with a dash or beyond ASCII keeps its base and quote', () => {
  const symbols = mapper();
  assert.equal(symbols.register('binance', '币安人生USDT', '币安人生', 'USDT'), '币安人生-USDT');
  symbols.register('binance', 'A-BUSDT', 'A-B', 'USDT');
  assert.ok(symbols.areEquivalent('A-B-USDT', 'A-B-USD'));
  assert.ok(!symbols.areEquivalent('A-B-USDT', 'A-USDT'));
});
