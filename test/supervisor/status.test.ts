/** Health and readiness: every reason to worry, one at a time. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tableLines } from '../../src/commands/live_table.js';
import { healthOf, isAlive, readinessOf } from '../../src/supervisor/status.js';
import { NOW_SECS, type SnapshotChanges, session, snapshot, stored, YOUNG } from './snapshots.js';

const down = (n: number, unheardSecs = 0) =>
  session({ session: n, state: 'RECONNECTING', counters: { last_message: NOW_SECS - unheardSecs } });
const never = session({ state: 'CONNECTING', counters: { last_message: 0 } });

const CASES: readonly [string, SnapshotChanges, 'healthy' | 'degraded' | 'unhealthy', RegExp][] = [
  ['all is well', {}, 'healthy', /^$/],
  ['the disk refuses', { writer: { disk_failing: 1 } }, 'unhealthy', /disk refuses writes/],
  [
    'the disk stalls',
    { writerQuietSecs: 0.6 },
    'unhealthy',
    /disk does not answer.*has not turned for 0.6 s/,
  ],
  [
    'a sync of the journal hangs',
    { writer: { journal_sync_running_ms: 600 } },
    'unhealthy',
    /disk does not answer: a sync of the journal has been running for 0.6 s/,
  ],
  ['a sync of the journal takes a moment', { writer: { journal_sync_running_ms: 590 } }, 'healthy', /^$/],
  [
    'a sync of the journal beside that of a checkpoint',
    { writer: { journal_sync_running_ms: 4900, checkpoint_syncs: 1 } },
    'degraded',
    /^a checkpoint waits for the disk$/,
  ],
  ['the writer is busy', { writerQuietSecs: 0.4 }, 'healthy', /^$/],
  [
    'a checkpoint takes its time',
    { writerQuietSecs: 4.8, writer: { checkpoint_syncs: 1 } },
    'degraded',
    /^a checkpoint waits for the disk$/,
  ],
  [
    'a checkpoint takes too long',
    { writerQuietSecs: 5, writer: { checkpoint_syncs: 1 } },
    'unhealthy',
    /disk does not answer/,
  ],
  ['files were removed', { removalQuietSecs: 59 }, 'unhealthy', /listed in GAPS/],
  ['a sync of the journal failed', { poisonQuietSecs: 0.2 }, 'degraded', /journal_poisoned/],
  ['a sync of the journal failed long ago', { poisonQuietSecs: 60 }, 'healthy', /^$/],
  ['files were damaged', { damageQuietSecs: 59 }, 'unhealthy', /damaged; .* quarantine\/ .* GAPS/],
  ['files were damaged long ago', { damageQuietSecs: 60 }, 'healthy', /^$/],
  ['files were removed long ago', { removalQuietSecs: 60 }, 'healthy', /^$/],
  ['rows wait for the disk', { unwrittenSecs: 11 }, 'unhealthy', /rows wait.*11 s/],
  ['rows wait within twice the interval', { unwrittenSecs: 10 }, 'healthy', /^$/],
  ['no session yet', { sessions: [] }, 'degraded', /starting/],
  [
    'nothing is connected',
    { sessions: [down(0, 10), down(1, 99)] },
    'unhealthy',
    /^venue: no connection is up, nothing has been received for 10 s$/,
  ],
  [
    'all have just been lost',
    { sessions: [down(0, 9), down(1, 99)] },
    'degraded',
    /^venue: no connection is up$/,
  ],
  ['nothing is connected yet', { sessions: [never], ...YOUNG }, 'degraded', /no connection is up/],
  [
    'nothing connects',
    { sessions: [never], connectingMs: NOW_SECS * 1000 - 10_000 },
    'unhealthy',
    /nothing has been received for 10 s/,
  ],
  ['one of two is down', { sessions: [session(), down(1)] }, 'degraded', /1 of 2 connections/],
  [
    'one has nothing to carry',
    { sessions: [session(), session({ session: 1, state: 'RESTING', symbols: 0 })] },
    'healthy',
    /^$/,
  ],
  [
    'none has anything to carry',
    {
      sessions: [session({ state: 'RESTING', symbols: 0, counters: { last_message: NOW_SECS - 3600 } })],
      stored: { venue: stored({ last_row: NOW_SECS - 3600 }) },
    },
    'healthy',
    /^$/,
  ],
  [
    'one is down beside one that rests',
    { sessions: [{ ...down(1, 99), state: 'RESTING' }, down(0, 10)] },
    'unhealthy',
    /no connection is up/,
  ],
  [
    'another exchange is down',
    { sessions: [session(), { ...down(0, 11), exchange: 'other' }] },
    'unhealthy',
    /other: no connection is up/,
  ],
  [
    'connected, but nothing reaches the disk',
    { stored: { venue: stored({ last_row: NOW_SECS - 36 }) } },
    'degraded',
    /no row has reached the disk/,
  ],
  [
    'the same just after the start',
    { stored: { venue: stored({ last_row: 0 }) }, ...YOUNG },
    'healthy',
    /^$/,
  ],
  [
    'subscriptions refused',
    {
      sessions: [
        session({
          refusals: ['A', 'B'].map((native) => ({ native, channel: 'trades', reason: 'no such product' })),
        }),
      ],
    },
    'degraded',
    /^venue: 2 subscriptions are refused: A trades, B trades \(no such product\)/,
  ],
  [
    'streams that have stopped, by name',
    { sessions: [session({ silentStreams: ['BTC-USD trades', 'BTC-USD book', 'ETH-USD book'] })] },
    'degraded',
    /silent: BTC-USD trades and 2 more/,
  ],
  [
    'silent symbols',
    { sessions: [session({ counters: { silent: 3 } })] },
    'degraded',
    /3 symbols have sent nothing/,
  ],
  [
    'silent symbols just after the start',
    { sessions: [session({ counters: { silent: 3 } })], ...YOUNG },
    'healthy',
    /^$/,
  ],
  ['messages were dropped', { dropQuietSecs: 59 }, 'degraded', /dropped in the last 60 s/],
  ['messages were dropped long ago', { dropQuietSecs: 60 }, 'healthy', /^$/],
];

describe('health', () => {
  for (const [name, changes, status, reason] of CASES) {
    it(`${name}: ${status}`, () => {
      const health = healthOf(snapshot(changes));
      assert.equal(health.status, status);
      assert.match(health.reasons.join('; '), reason);
    });
  }

  it('names the worse reasons first, and all of them', () => {
    const { status, reasons } = healthOf(snapshot({ dropQuietSecs: 1, writer: { disk_failing: 1 } }));
    assert.equal(status, 'unhealthy');
    assert.deepEqual(reasons, ['the disk refuses writes', 'messages were dropped in the last 60 s']);
  });

  it('adds up the connections of each exchange', () => {
    const health = healthOf(
      snapshot({
        sessions: [
          session({ counters: { dropped: 1, gaps: 2, missing: 5, last_message: NOW_SECS - 9 } }),
          session({ session: 1, counters: { dropped: 2, duplicates: 4, repairs_waiting: 1, repaired: 8 } }),
          session({ exchange: 'other', state: 'ERROR', counters: { last_message: 0 } }),
        ],
        stored: { venue: stored({ rows_written: 7 }), other: stored({ last_row: 0 }) },
        writer: { bytes_written: 3, dropped_rows: 10 },
      }),
    );
    const { venue, other } = health.exchanges;
    assert.deepEqual(
      [
        venue.symbols,
        venue.messages_dropped,
        venue.gaps,
        venue.trades_missing,
        venue.gaps_repairing,
        venue.rows_repaired,
        venue.duplicates,
        venue.rows_written,
      ],
      [6, 3, 2, 5, 1, 8, 4, 7],
    );
    assert.deepEqual(
      [venue.connected, venue.last_message, venue.messages_per_second],
      [true, new Date(NOW_SECS * 1000).toISOString(), 21],
    );
    assert.deepEqual([other.connected, other.last_message, other.last_row_on_disk], [false, null, null]);
    assert.deepEqual(
      [health.messages_dropped, health.connections, health.writer.bytes_written],
      [13, { up: 2, resting: 0, total: 3 }, 192],
    );
    assert.doesNotThrow(() => JSON.stringify(health));
  });
});

describe('symbols', () => {
  const at = (route: string, n: number, symbols: number, silent = 0) =>
    session({ route, session: n, symbols, counters: { silent } });
  const sessions = [at('public', 0, 4, 1), at('public', 1, 1), at('market', 2, 4, 1), at('market', 3, 1, 1)];

  it('are counted once, at however many addresses they are subscribed', () => {
    const { venue } = healthOf(snapshot({ sessions })).exchanges;
    assert.deepEqual([venue!.symbols, venue!.silent_symbols], [5, 2]);
    assert.match(tableLines(snapshot({ sessions }), 120)[1]!, /^venue +4\/4 +5 /);
  });

  it('of a change that has reached one address only are counted, too', () => {
    const { venue } = healthOf(snapshot({ sessions: [at('public', 0, 4), at('market', 1, 6)] })).exchanges;
    assert.equal(venue!.symbols, 6);
  });
});

describe('checksums', () => {
  it('damage of a closed day is a warning, not a reason to doubt capture', () => {
    const sealer = { ...snapshot().sealer, sealed: 7, damaged: 2 };
    const { status, warnings, checksums } = healthOf(snapshot({ sealer }));
    assert.deepEqual([status, warnings], ['healthy', ['2 closed table-days are damaged, see logger verify']]);
    assert.deepEqual([checksums.table_days_sealed, checksums.table_days_damaged], [7, 2]);
    assert.deepEqual(healthOf(snapshot()).warnings, []);
  });
});

describe('readiness', () => {
  it('waits for every connection, and for the disk', () => {
    assert.deepEqual(readinessOf(snapshot()), { ready: true, waiting: [] });
    assert.deepEqual(
      readinessOf(snapshot({ sessions: [session(), session({ session: 4, state: 'SUBSCRIBING' })] })),
      {
        ready: false,
        waiting: ['venue-4 SUBSCRIBING'],
      },
    );
    const resting = session({ session: 4, state: 'RESTING' });
    assert.equal(readinessOf(snapshot({ sessions: [session(), resting] })).ready, true);
    assert.deepEqual(healthOf(snapshot({ sessions: [session(), resting, down(1)] })).connections, {
      up: 1,
      resting: 1,
      total: 3,
    });
    assert.equal(readinessOf(snapshot({ sessions: [] })).ready, false);
    assert.equal(readinessOf(snapshot({ writer: { disk_failing: 1 } })).ready, false);
  });
});

describe('what feeds the watchdog', () => {
  const alive = (changes: SnapshotChanges) => isAlive(snapshot(changes));

  it('is a writer that turns while what waits gets written', () => {
    assert.ok(alive({}));
    assert.ok(!alive({ writerQuietSecs: 5.2 }));
    assert.ok(!alive({ unwrittenSecs: 11 }));
    assert.ok(alive({ writer: { journal_sync_running_ms: 20_000 } }));
  });

  it('is also a writer whose disk refuses: the rings keep what a new process would lose', () => {
    assert.ok(alive({ unwrittenSecs: 11, writer: { disk_failing: 1 } }));
    assert.ok(!alive({ writerQuietSecs: 5.2, writer: { disk_failing: 1 } }));
  });
});
