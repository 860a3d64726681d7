/** Subscriptions: whatever an exchange refuses, loses or confirms late, the others are subscribed. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { loadExchange } from '../../../src/exchanges/index.js';
import { Subscriptions } from '../../../src/feed/connection/subscriptions.js';
import type { ControlEvent, ControlRequest, Exchange, Subscription } from '../../../src/feed/exchange.js';

const trades = (native: string): Subscription => ({ channel: 'trades', native });
const named = (count: number) => Array.from({ length: count }, (_, i) => trades(`S${i}`));

let binance: Exchange;
let coinbase: Exchange;
before(async () => {
  binance = await loadExchange('binance');
  coinbase = await loadExchange('coinbase');
});

const ACK_MS = 10_000;

function make(exchange: Exchange) {
  const refused: string[] = [];
  const surplus: string[] = [];
  const clock = { ms: 0 };
  const subscriptions = new Subscriptions(
    exchange,
    {
      refused: (s, reason) => refused.push(`${s.native}: ${reason}`),
      surplus: (natives, limit) => surplus.push(...natives.map((native) => `${limit} ${native}`)),
    },
    ACK_MS,
    () => clock.ms,
  );
  return { subscriptions, refused, surplus, clock };
}

/** What an exchange says to a request; several events, or nothing at all. */
type Answer = (covers: readonly Subscription[], request: ControlRequest) => readonly ControlEvent[];

/** Plays the connection: sends what is to be sent, in ticks of a quarter of a second; answers how many requests it took. */
function play(
  { subscriptions, clock }: ReturnType<typeof make>,
  answer: Answer,
  seconds: number,
): { requests: number; settledSecs: number } {
  const began = clock.ms;
  let requests = 0;
  let settledMs = Number.NaN;
  for (; clock.ms < began + seconds * 1000; clock.ms += 250) {
    const queue = subscriptions.requests();
    for (let request = queue.shift(); request !== undefined; request = queue.shift()) {
      requests++;
      subscriptions.sent(request, clock.ms);
      for (const event of answer(request.covers, request)) queue.push(...subscriptions.take(event));
    }
    subscriptions.tick(clock.ms);
    if (Number.isNaN(settledMs) && subscriptions.settled) settledMs = clock.ms;
  }
  return { requests, settledSecs: (settledMs - began) / 1000 };
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
        ...subscriptions.take(
          bad ? { kind: 'refused', id, whole: true, reason: 'no' } : { kind: 'accepted', id },
        ),
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
    assert.deepEqual(subscriptions.take({ kind: 'refused', id: first.id, whole: true, reason: 'no' }), []);
    assert.deepEqual([refused, subscriptions.count('confirmed')], [['S2: no'], 2]);
  });

  it('that stay unconfirmed are asked for again in parts, and only those that stay so are given up', () => {
    const rig = make(binance);
    rig.subscriptions.add(named(50));
    const silent = (covers: readonly Subscription[]) => covers.some(({ native }) => native === 'S7');
    const { settledSecs } = play(
      rig,
      (covers, { id }) => (silent(covers) ? [] : [{ kind: 'accepted', id }]),
      90,
    );
    assert.deepEqual(rig.refused, ['S7: not confirmed by the exchange']);
    assert.equal(rig.subscriptions.count('confirmed'), 49);
    assert.ok(settledSecs <= 60, `${settledSecs} s`);
  });

  it('on a connection that confirms nothing at all are a reason to leave it', () => {
    const rig = make(binance);
    rig.subscriptions.add(named(4));
    assert.equal(rig.subscriptions.isMute, false);
    play(rig, () => [], 11);
    assert.equal(rig.subscriptions.isMute, true);
    rig.subscriptions.reset();
    assert.equal(rig.subscriptions.isMute, false);
  });

  it('begin anew on a new connection', () => {
    const { subscriptions } = make(binance);
    subscriptions.add(named(2));
    const [request] = subscriptions.requests();
    subscriptions.take({ kind: 'accepted', id: request.id });
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

describe('refusals, whatever their wording', () => {
  const both = (native: string) => [trades(native), { channel: 'ticker', native }];
  const state = (subscriptions: readonly Subscription[]): ControlEvent => ({ kind: 'state', subscriptions });
  const confirmed = ({ subscriptions }: ReturnType<typeof make>) => subscriptions.count('confirmed');

  it('several culprits in a row, each named for a request that is refused as a whole', () => {
    const rig = make(binance);
    const bad = new Set(['S3', 'S4', 'S40']);
    rig.subscriptions.add(named(50));
    const { requests, settledSecs } = play(
      rig,
      (covers, { id }) => {
        const culprit = covers.find(({ native }) => bad.has(native));
        return culprit === undefined
          ? [{ kind: 'accepted', id }]
          : [{ kind: 'refused', id, ...culprit, whole: true, reason: `bad ${culprit.native}` }];
      },
      2,
    );
    assert.deepEqual(rig.refused, ['S3: bad S3', 'S4: bad S4', 'S40: bad S40']);
    assert.deepEqual([confirmed(rig), requests, settledSecs], [47, 4, 0]);
  });

  it('one named of several, without an id: the others are not asked for again for nothing, nor given up', () => {
    const rig = make(coinbase);
    const all = ['A-USD', 'X-USD', 'B-USD', 'Y-USD'].flatMap(both);
    rig.subscriptions.add(all);
    const bad = new Set(['X-USD', 'Y-USD']);
    play(
      rig,
      (covers) => {
        const culprit = covers.find(({ native }) => bad.has(native))?.native;
        // the request is dropped for its first culprit
        return culprit === undefined
          ? [state(covers)]
          : [{ kind: 'refused', native: culprit, reason: `${culprit} is not a valid product` }];
      },
      20,
    );
    assert.equal(rig.refused.length, 4);
    assert.equal(confirmed(rig), 4);
  });

  it('anonymous and without an id: parts one at a time, until only the culprit is left', () => {
    const rig = make(coinbase);
    const all = Array.from({ length: 50 }, (_, i) => trades(`S${i}-USD`));
    rig.subscriptions.add(all);
    const { settledSecs } = play(
      rig,
      (covers) =>
        covers.some(({ native }) => native === 'S33-USD')
          ? [{ kind: 'refused', reason: 'failed to subscribe' }]
          : [state(covers)],
      60,
    );
    assert.deepEqual(rig.refused, ['S33-USD: failed to subscribe']);
    assert.equal(confirmed(rig), 49);
    assert.ok(settledSecs <= 20, `${settledSecs} s`);
  });

  it('a channel that needs a login costs no other channel, and not a request per symbol', () => {
    const rig = make(coinbase);
    rig.subscriptions.add(Array.from({ length: 50 }, (_, i) => both(`S${i}-USD`)).flat());
    const { requests } = play(
      rig,
      (covers) => {
        const others = covers.filter(({ channel }) => channel !== 'ticker');
        return [
          ...(others.length < covers.length
            ? [{ kind: 'refused', channel: 'ticker', reason: 'requires authentication' } as const]
            : []),
          ...(others.length > 0 ? [state(others)] : []),
        ];
      },
      15,
    );
    assert.deepEqual([confirmed(rig), rig.subscriptions.count('refused'), requests], [50, 50, 1]);
  });

  it('a temporary one is tried again after 20 s, then at growing intervals, and confirmed when it is over', () => {
    const rig = make(binance);
    rig.subscriptions.add(named(10));
    const began = { untilMs: 90_000 };
    const times: number[] = [];
    const answer: Answer = (covers, { id }) => {
      const bad = covers.some(({ native }) => native === 'S5') && rig.clock.ms < began.untilMs;
      if (bad && covers.length === 1) times.push(rig.clock.ms / 1000);
      return bad ? [{ kind: 'refused', id, whole: true, reason: 'try later' }] : [{ kind: 'accepted', id }];
    };
    play(rig, answer, 85);
    assert.deepEqual(rig.subscriptions.refusals(), [{ ...trades('S5'), reason: 'try later' }]);
    assert.equal(confirmed(rig), 9);
    assert.ok(rig.subscriptions.settled, 'what is tried again leaves the connection as it is');
    assert.equal(times.length, 3, times.join());
    play(rig, answer, 100);
    assert.deepEqual([rig.subscriptions.refusals(), confirmed(rig)], [[], 10]);
    assert.deepEqual(rig.refused, ['S5: try later'], 'told once');
  });

  it('a limit of streams: as many as fit are confirmed, the others are offered to other connections', () => {
    const rig = make(coinbase);
    const book = (native: string) => ({ channel: 'book', native });
    rig.subscriptions.add(Array.from({ length: 40 }, (_, i) => book(`S${i}-USD`)));
    let held = 0;
    const { settledSecs } = play(
      rig,
      (covers) => {
        const fits = held + covers.length <= 16;
        if (fits) held += covers.length;
        const reason = 'too many L2 streams requested in a single session';
        return fits ? [state(covers)] : [{ kind: 'refused', channel: 'book', limit: 'streams', reason }];
      },
      15,
    );
    assert.ok(held >= 8, `${held}`);
    assert.equal(confirmed(rig), held);
    assert.equal(rig.surplus.length, 40 - held);
    assert.ok(settledSecs <= 10, `${settledSecs} s`);
  });

  it('a limit of connections: all of the channel is for others', () => {
    const rig = make(binance);
    rig.subscriptions.add([trades('A'), { channel: 'book', native: 'A' }, { channel: 'book', native: 'B' }]);
    play(
      rig,
      (covers) => [
        { kind: 'refused', channel: 'book', limit: 'connections', reason: '30 connections' },
        state(covers.filter(({ channel }) => channel === 'trades')),
      ],
      2,
    );
    assert.deepEqual(rig.surplus, ['connections A', 'connections B']);
    assert.equal(confirmed(rig), 1);
  });

  it('too many requests: the same again after a pause, and nothing is taken apart', () => {
    const rig = make(binance);
    rig.subscriptions.add(named(50));
    let left = 2;
    const { requests, settledSecs } = play(
      rig,
      (_, { id }) => [left-- > 0 ? { kind: 'throttled', id, reason: 'too many' } : { kind: 'accepted', id }],
      15,
    );
    assert.deepEqual([requests, confirmed(rig), rig.refused], [3, 50, []]);
    assert.ok(settledSecs >= 6 && settledSecs <= 7, `${settledSecs} s`);
  });

  it('a connection that is closed with the refusal: the next one asks in parts, and what is good is asked first', async () => {
    const upbit = await loadExchange('upbit');
    const rig = make(upbit);
    rig.subscriptions.add(named(20));
    let connections = 0;
    for (; connections < 20 && !(connections > 0 && rig.subscriptions.settled); connections++) {
      rig.subscriptions.reset();
      for (let tick = 0; tick < 40; tick++) {
        const requests = rig.subscriptions.requests();
        for (const request of requests) rig.subscriptions.sent(request, rig.clock.ms);
        if (requests.some(({ covers }) => covers.some(({ native }) => native === 'S13'))) {
          rig.subscriptions.take({ kind: 'refused', reason: 'WRONG_FORMAT: Format' });
          break;
        }
        rig.subscriptions.tick(rig.clock.ms);
        rig.clock.ms += 250;
      }
    }
    assert.deepEqual(rig.refused, ['S13: WRONG_FORMAT: Format']);
    rig.subscriptions.reset();
    assert.equal(rig.subscriptions.requests()[0].covers.length, 19);
    assert.ok(connections <= 8, `${connections} connections`);
  });

  it('a connection of which everything is refused is of no use until one of them is tried again', () => {
    const rig = make(binance);
    rig.subscriptions.add(named(2));
    assert.equal(rig.subscriptions.uselessMs, 0);
    play(rig, (_, { id }) => [{ kind: 'refused', id, whole: true, reason: 'no' }], 1);
    assert.ok(rig.subscriptions.uselessMs > 18_000 && rig.subscriptions.uselessMs <= 20_000);
    assert.equal(rig.subscriptions.isIdle, true);
    rig.subscriptions.reset();
    assert.deepEqual(rig.subscriptions.requests(), [], 'a new connection does not ask for it either');
    rig.clock.ms += rig.subscriptions.uselessMs;
    rig.subscriptions.reset();
    const [request, ...others] = rig.subscriptions.requests();
    assert.deepEqual([request.covers.length + others.length, rig.subscriptions.uselessMs], [2, 0]);
    assert.equal(rig.subscriptions.isIdle, true, 'nothing else is wanted');
    rig.subscriptions.take({ kind: 'accepted', id: request.id });
    assert.equal(rig.subscriptions.isIdle, false);
  });

  it('a connection is of no use without a symbol', () => {
    const rig = make(binance);
    rig.subscriptions.add(named(1));
    rig.subscriptions.remove(named(1));
    assert.deepEqual(
      [rig.subscriptions.uselessMs, rig.subscriptions.isIdle, rig.subscriptions.size],
      [Number.POSITIVE_INFINITY, true, 0],
    );
  });

  it('are counted by state through whatever is added, refused, confirmed and removed', () => {
    const rig = make(coinbase);
    rig.subscriptions.add(named(4));
    rig.subscriptions.add(named(4));
    const counts = () =>
      (['wanted', 'requested', 'confirmed', 'refused'] as const).map((state) =>
        rig.subscriptions.count(state),
      );
    assert.deepEqual(counts(), [4, 0, 0, 0]);
    rig.subscriptions.requests();
    rig.subscriptions.take({ kind: 'refused', native: 'S1', reason: 'no' });
    rig.subscriptions.take({ kind: 'state', subscriptions: [trades('S0'), trades('S2')] });
    rig.subscriptions.remove([trades('S2'), trades('S9')]);
    assert.deepEqual(counts(), [0, 1, 1, 1]);
    rig.subscriptions.reset();
    assert.deepEqual(counts(), [2, 0, 0, 1]);
    rig.subscriptions.remove(named(4));
    assert.deepEqual([counts(), rig.subscriptions.size], [[0, 0, 0, 0], 0]);
  });
});
