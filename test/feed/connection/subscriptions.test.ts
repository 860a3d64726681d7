/** Subscriptions: whatever an exchange refuses, loses or confirms late, the others are subscribed. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { loadExchange } from '../../../src/exchanges/index.js';
import { Subscriptions } from '../../../src/feed/connection/subscriptions.js';
import type { ControlRequest, Exchange, Subscription } from '../../../src/feed/exchange.js';

const trades = (native: string): Subscription => ({ channel: 'trades', native });
const named = (count: number) => Array.from({ length: count }, (_, i) => trades(`S${i}`));

let binance: Exchange;
let coinbase: Exchange;
before(async () => {
  binance = await loadExchange('binance');
  coinbase = await loadExchange('coinbase');
});

function make(exchange: Exchange) {
  const refused: string[] = [];
  const subscriptions = new Subscriptions(exchange, (s, reason) => refused.push(`${s.native}: ${reason}`));
  return { subscriptions, refused };
}

describe('subscriptions with request ids', () => {
  it('are confirmed by the answer to their request', () => {
    const { subscriptions } = make(binance);
    subscriptions.add(named(450));
    const requests = subscriptions.requests();
    assert.deepEqual(
      requests.map((r) => [r.id, r.covers.length]),
      [
        [1, 200],
        [2, 200],
        [3, 50],
      ],
    );
    assert.deepEqual(JSON.parse(requests[2].text).params[49], 's449@trade');
    assert.deepEqual(subscriptions.requests(), [], 'asked for once');
    subscriptions.take({ kind: 'accepted', id: 2 });
    assert.deepEqual([subscriptions.count('confirmed'), subscriptions.settled], [200, false]);
    subscriptions.take({ kind: 'accepted', id: 1 });
    subscriptions.take({ kind: 'accepted', id: 3 });
    subscriptions.take({ kind: 'accepted', id: 99 });
    assert.deepEqual([subscriptions.count('confirmed'), subscriptions.settled], [450, true]);
  });

  it('are asked for in halves after a refusal, until only the culprits are left', () => {
    const culprits = new Set(['S3', 'S77', 'S78']);
    const { subscriptions, refused } = make(binance);
    subscriptions.add(named(100));
    const queue = subscriptions.requests();
    let asked = 0;
    for (let request = queue.shift(); request !== undefined; request = queue.shift()) {
      asked++;
      const bad = request.covers.some((s) => culprits.has(s.native));
      const { id } = request;
      queue.push(
        ...subscriptions.take(bad ? { kind: 'refused', id, reason: 'no' } : { kind: 'accepted', id }),
      );
    }
    assert.deepEqual(refused.sort(), ['S3: no', 'S77: no', 'S78: no']);
    assert.deepEqual([subscriptions.count('confirmed'), subscriptions.settled], [97, true]);
    assert.ok(asked < 50, `${asked} requests`);
  });

  it('that are confirmed already are no culprits when their request is refused', () => {
    const { subscriptions, refused } = make(binance);
    subscriptions.add(named(3));
    const [first] = subscriptions.requests();
    subscriptions.take({ kind: 'state', subscriptions: [trades('S0'), trades('S1')] });
    const [again] = subscriptions.take({ kind: 'refused', id: first.id, reason: 'no' });
    assert.deepEqual(again.covers, [trades('S2')]);
    subscriptions.take({ kind: 'refused', id: again.id, reason: 'no' });
    assert.deepEqual([refused, subscriptions.count('confirmed')], [['S2: no'], 2]);
  });

  it('that stay unconfirmed are asked for once more and then given up, also after a refusal', () => {
    const { subscriptions, refused } = make(binance);
    subscriptions.add(named(4));
    const [first] = subscriptions.requests();
    const halves = subscriptions.take({ kind: 'refused', id: first.id, reason: 'no' });
    assert.equal(halves.length, 2);
    const again = subscriptions.overdue();
    assert.deepEqual(
      again.flatMap((r) => r.covers.map((s) => s.native)),
      ['S0', 'S1', 'S2', 'S3'],
    );
    subscriptions.take({ kind: 'accepted', id: halves[0].id });
    assert.equal(subscriptions.count('confirmed'), 0, 'an answer to a request that was given up');
    assert.deepEqual(subscriptions.overdue(), []);
    assert.equal(refused.length, 4);
    assert.ok(subscriptions.settled);
  });

  it('begin anew on a new connection', () => {
    const { subscriptions } = make(binance);
    subscriptions.add(named(2));
    const [request] = subscriptions.requests();
    subscriptions.take({ kind: 'refused', id: request.id, native: 'S1', reason: 'no' });
    subscriptions.reset();
    const again = subscriptions.requests();
    assert.deepEqual([again.length, again[0].covers.length, again[0].id > request.id], [1, 2, true]);
    subscriptions.take({ kind: 'accepted', id: request.id });
    assert.equal(subscriptions.count('confirmed'), 0, 'an answer from the connection before');
  });

  it('can be removed, confirmed or not', () => {
    const { subscriptions } = make(binance);
    subscriptions.add(named(3));
    const [request] = subscriptions.requests();
    const end = subscriptions.remove([trades('S1'), trades('UNKNOWN')]);
    assert.deepEqual(
      end.map((r: ControlRequest) => JSON.parse(r.text)),
      [{ method: 'UNSUBSCRIBE', params: ['s1@trade'], id: request.id + 1 }],
    );
    subscriptions.take({ kind: 'accepted', id: request.id });
    assert.deepEqual([subscriptions.size, subscriptions.count('confirmed')], [2, 2]);
    assert.deepEqual(subscriptions.remove([trades('S1')]), []);
    assert.deepEqual(subscriptions.requests(), []);
  });
});

describe('subscriptions that are answered with the whole state', () => {
  it('survive the refusal of a neighbour', () => {
    const { subscriptions, refused } = make(coinbase);
    const both = (native: string) => [trades(native), { channel: 'ticker', native }];
    subscriptions.add([...both('A-USD'), ...both('NOPE-USD'), ...both('B-USD')]);
    const requests = subscriptions.requests();
    assert.deepEqual(
      requests.map((r) => JSON.parse(r.text)),
      [
        {
          type: 'subscribe',
          product_ids: ['A-USD', 'NOPE-USD', 'B-USD'],
          channels: ['ticker', 'matches', 'heartbeat'],
        },
      ],
    );
    subscriptions.take({ kind: 'refused', native: 'NOPE-USD', reason: 'NOPE-USD is not a valid product' });
    assert.equal(refused.length, 2);
    subscriptions.take({
      kind: 'state',
      subscriptions: [...both('A-USD'), ...both('B-USD'), ...both('X-USD')],
    });
    assert.deepEqual([subscriptions.count('confirmed'), subscriptions.settled], [4, true]);
  });
});
