/** Which symbols are captured, by what is configured, listed and captured already. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SymbolInfo, SymbolState } from '../../src/feed/exchange.js';
import { SymbolChoice } from '../../src/supervisor/symbol_choice.js';

function listed(name: string, state: SymbolState = 'trading', more: Partial<SymbolInfo> = {}): SymbolInfo {
  const [base, quote = ''] = name.split('-');
  return { native: name, base, quote, state, status: state, tick: '', lot: '', ...more };
}

function choiceOf(...lists: readonly SymbolInfo[][]): SymbolChoice {
  const choice = new SymbolChoice(100, 'raise max_connections');
  for (const list of lists) choice.take(list);
  return choice;
}

const MARKETS = ['BTC-USD', 'ETH-USD', 'USDT-USD', 'BTC-EUR', 'ETH-BTC'].map((name) => listed(name));

describe('what symbols mean', () => {
  const meant = (symbols: 'all' | readonly string[]) => choiceOf(MARKETS).choose(symbols, []).symbols;

  it('all, names, patterns, assets, and exclusions that win over all of them', () => {
    assert.deepEqual(meant('all'), ['BTC-USD', 'ETH-USD', 'USDT-USD', 'BTC-EUR', 'ETH-BTC']);
    assert.deepEqual(meant(['ETH-BTC', 'BTC-USD']), ['ETH-BTC', 'BTC-USD']);
    assert.deepEqual(meant(['*-USD', '!USDT-USD']), ['BTC-USD', 'ETH-USD']);
    assert.deepEqual(meant(['???-EUR', 'ETH-BTC', 'ETH-*']), ['ETH-BTC', 'ETH-USD', 'BTC-EUR']);
    assert.deepEqual(meant(['quote:USD', '!base:USDT']), ['BTC-USD', 'ETH-USD']);
    assert.deepEqual(meant(['base:BTC']), ['BTC-USD', 'BTC-EUR']);
    assert.deepEqual(meant(['!quote:USD*']), ['BTC-EUR', 'ETH-BTC']);
    assert.deepEqual(meant(['BTC-USD', '!BTC-*']), []);
  });

  it('a pattern is no regular expression, and letters keep their case', () => {
    const choice = choiceOf([listed('A.B-USD'), listed('AxB-USD'), listed('(A)-USD')]);
    assert.deepEqual(choice.choose(['A.B-*'], []).symbols, ['A.B-USD']);
    assert.deepEqual(choice.choose(['(A)-*', 'a*'], []).symbols, ['(A)-USD']);
  });

  it('an alias is captured when it is named alone', () => {
    const choice = choiceOf([listed('BTC-USD'), listed('BTC-USDC', 'trading', { alias: true })]);
    assert.deepEqual(choice.choose('all', []).symbols, ['BTC-USD']);
    assert.deepEqual(choice.choose(['*-USD*'], []).symbols, ['BTC-USD']);
    assert.deepEqual(choice.choose(['BTC-USDC'], []).symbols, ['BTC-USDC']);
  });
});

describe('names that cannot be captured', () => {
  it('are named with what may be meant', () => {
    const choice = choiceOf([listed('BTCUSDT'), listed('OLDUSDT', 'delisted')]);
    assert.deepEqual(choice.choose(['btcusdt', 'OLDUSDT', 'XYZ', 'BTCUSDT'], ['btcusdt']), {
      symbols: ['BTCUSDT'],
      refused: ['btcusdt is not listed; did you mean BTCUSDT?', 'OLDUSDT is delisted', 'XYZ is not listed'],
    });
  });

  it('odd and doubled entries of a list cost nobody else', () => {
    const odd = [listed('BTC-USD'), listed('BTC-USD'), listed('btc-usd'), listed('\0'), listed('ETH-USD')];
    const { symbols, refused } = choiceOf(odd).choose('all', []);
    assert.deepEqual(symbols, ['BTC-USD', 'ETH-USD']);
    assert.equal(refused.length, 2);
    assert.match(refused[0], /btc-usd is not captured: it differs from BTC-USD in case alone/);
    assert.match(refused[1], /control character/);
  });

  it('more than the connections can carry are counted, and those that are captured stay', () => {
    const choice = new SymbolChoice(2, 'raise max_connections');
    choice.take(MARKETS);
    assert.deepEqual(choice.choose('all', ['ETH-BTC']), {
      symbols: ['ETH-BTC', 'BTC-USD'],
      refused: ['3 of 5 symbols are not captured: raise max_connections'],
    });
  });

  it('a pattern that means nothing says so', () => {
    assert.match(choiceOf(MARKETS).choose(['*-GBP'], []).refused.join(), /no symbol that is listed/);
  });
});

describe('lists that change', () => {
  const [btc, eth] = MARKETS;

  it('what is new is taken up in whatever state, what is known only once it will trade', () => {
    const first = [btc, listed('OLD-USD', 'halted'), listed('SOON-USD', 'pre_trading')];
    const later = [...first, listed('NEW-USD', 'halted')];
    assert.deepEqual(choiceOf(first).choose('all', []).symbols, ['BTC-USD', 'SOON-USD']);
    assert.deepEqual(choiceOf(first, later).choose('all', ['BTC-USD', 'SOON-USD']).symbols, [
      'BTC-USD',
      'SOON-USD',
      'NEW-USD',
    ]);
  });

  it('a halt is no end, a delisting is', () => {
    const captured = ['BTC-USD', 'ETH-USD'];
    const halted = choiceOf([btc, eth], [btc, listed('ETH-USD', 'halted')]);
    assert.deepEqual(halted.choose('all', captured).symbols, captured);
    assert.deepEqual(halted.choose(captured, captured).symbols, captured);
    const delisted = choiceOf([btc, eth], [btc, listed('ETH-USD', 'delisted')]);
    assert.deepEqual(delisted.choose('all', captured).symbols, ['BTC-USD']);
  });

  it('what is missing in two lists stays, in three it is gone, whether it was named or matched', () => {
    for (const symbols of ['all', ['*-USD'], ['BTC-USD', 'ETH-USD']] as const) {
      const captured = ['BTC-USD', 'ETH-USD'];
      assert.deepEqual(choiceOf([btc, eth], [btc], [btc]).choose(symbols, captured).symbols, captured);
      const gone = choiceOf([btc, eth], [btc], [btc], [btc]);
      assert.deepEqual(gone.choose(symbols, captured).symbols, ['BTC-USD']);
      const back = choiceOf([btc, eth], [btc], [btc], [btc, eth], [btc]);
      assert.deepEqual(back.choose(symbols, captured).symbols, captured);
    }
  });

  it('changes are told, the first list is none', () => {
    const choice = new SymbolChoice(10, '');
    assert.deepEqual(choice.take([btc]), []);
    const halted = listed('BTC-USD', 'halted');
    assert.deepEqual(choice.take([halted, eth]), [
      { was: btc, is: halted },
      { was: undefined, is: eth },
    ]);
  });
});
