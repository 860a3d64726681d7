/** Gaps in the ids of a stream: named once, in full, with their cause and times, and never for what did arrive. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SEQUENCE_GAPS_MAX } from '../../../src/base/limits.js';
import type { Gap } from '../../../src/feed/continuity/gap_log.js';
import { SEEN, Sequence } from '../../../src/feed/continuity/sequence.js';
import { MD, TRADES } from '../../../src/schema/tables.js';
import { randomFrom } from '../../support/random.js';

const GRACE_MS = 2000;

class Watched {
  readonly gaps: Gap[] = [];
  readonly repairs: Gap[] = [];
  /** both, in their order */
  readonly rows: Gap[] = [];
  readonly received = new Uint32Array([1000, 0]);
  nowMs = 0;
  reordered = 0;
  readonly outliers: number[] = [];
  readonly sequence: Sequence;

  constructor(table: typeof MD | typeof TRADES = TRADES, slots = 2) {
    const events = {
      gap: (gap: Gap) => this.gaps.push(this.rows[this.rows.push(gap) - 1]),
      repaired: (gap: Gap) => this.repairs.push(this.rows[this.rows.push(gap) - 1]),
      reordered: () => this.reordered++,
      duplicate: () => {},
      outlier: (_slot: number, id: number) => this.outliers.push(id),
    };
    this.sequence = new Sequence(
      { table, ids: table === MD ? 'none' : 'contiguous' },
      this.received,
      events,
      () => this.nowMs,
    );
    this.sequence.resize(slots);
  }

  /** Continues as after a restart. */
  seed(lastId: number): void {
    this.sequence.seed(0, [0, 0]);
    this.sequence.seedIds(0, lastId, []);
  }

  /** Delivers ids one second apart. */
  accept(...ids: number[]): number[] {
    return ids.map((id) => {
      this.received[0]++;
      return this.sequence.accept(0, id);
    });
  }

  wait(ms = GRACE_MS): void {
    this.nowMs += ms;
    this.sequence.reportDue();
  }

  /** The gaps as `cause from-to`. */
  get told(): string[] {
    return this.gaps.map((gap) => `${gap.cause} ${gap.fromId}-${gap.toId}`);
  }
}

const { fresh, duplicate, uncertain } = SEEN;

/** Ids that GAPS lists as missing when all of its rows are taken one after the other. */
function missing({ rows }: Watched): number[] {
  const ids = new Set<number>();
  for (const { fromId, toId, state } of rows) {
    for (let id = fromId; id <= toId; id++) {
      if (state === 'repaired') ids.delete(id);
      else ids.add(id);
    }
  }
  return [...ids].sort((a, b) => a - b);
}

describe('what is stored after it was listed', () => {
  it('is taken back, a part or all of it', () => {
    const w = new Watched();
    w.accept(10, 15);
    w.wait();
    assert.deepEqual(w.told, ['unknown 11-14']);
    assert.deepEqual(w.accept(12, 11), [fresh, fresh]);
    assert.deepEqual(missing(w), [13, 14]);
    assert.ok(w.repairs.every(({ state, table }) => state === 'repaired' && table === TRADES));
    w.accept(13, 14);
    assert.deepEqual(missing(w), []);
  });

  it('is not told when it came in time', () => {
    const w = new Watched();
    w.accept(10, 15, 12, 11, 13, 14);
    w.wait();
    assert.deepEqual([w.gaps, w.repairs], [[], []]);
  });

  it('is taken back with any number of gaps open', () => {
    for (const gaps of [65, 100, SEQUENCE_GAPS_MAX + 50]) {
      const w = new Watched();
      w.accept(0);
      for (let i = 1; i <= gaps; i++) w.accept(i * 2);
      for (let i = 0; i < gaps; i += 2) assert.notEqual(w.accept(i * 2 + 1)[0], duplicate);
      w.wait();
      const odd = Array.from({ length: gaps }, (_, i) => i * 2 + 1);
      assert.deepEqual(
        missing(w),
        odd.filter((_, i) => i % 2 === 1),
      );
    }
  });

  it('is taken back with a jump that was a mistake', () => {
    const w = new Watched();
    w.accept(10, 1_000_000);
    w.wait();
    w.accept(11, 12, 13, 14, 15, 16, 17, 18, 19, 20);
    assert.deepEqual(missing(w), []);
    w.accept(25);
    w.wait();
    assert.deepEqual(missing(w), [21, 22, 23, 24]);
  });
});

describe('contiguous ids', () => {
  it('says nothing while nothing is missing', () => {
    const w = new Watched();
    assert.deepEqual(w.accept(10, 11, 12), [fresh, fresh, fresh]);
    w.wait(10 * GRACE_MS);
    w.sequence.reportDue(true);
    assert.deepEqual([w.gaps, w.reordered], [[], 0]);
  });

  it('may begin at zero', () => {
    const w = new Watched();
    assert.deepEqual(w.accept(0, 1, 0, 3, 2), [fresh, fresh, duplicate, fresh, fresh]);
  });

  it('reports a gap after the grace time, with its ids, cause and times', () => {
    const w = new Watched();
    w.accept(10, 14);
    w.wait(GRACE_MS - 1);
    assert.deepEqual(w.gaps, []);
    w.wait(1);
    assert.deepEqual(w.gaps, [
      {
        slot: 0,
        table: TRADES,
        cause: 'unknown',
        fromId: 11,
        toId: 13,
        fromSeconds: 1001,
        fromNanos: 0,
        toSeconds: 1002,
        toNanos: 0,
        messages: 3,
      },
    ]);
    w.wait();
    assert.equal(w.gaps.length, 1, 'once');
  });

  it('reports nothing that came late but within the grace time', () => {
    const w = new Watched();
    assert.deepEqual(w.accept(10, 14, 12, 13, 11), [fresh, fresh, fresh, fresh, fresh]);
    w.wait();
    assert.deepEqual([w.told, w.reordered], [[], 3]);
    assert.deepEqual(w.accept(11, 12, 13, 14, 10), Array(5).fill(duplicate));
  });

  it('reports what is left of a gap that was filled in part', () => {
    const w = new Watched();
    w.accept(10, 20, 15, 11, 19);
    w.wait();
    assert.deepEqual(w.told, ['unknown 12-14', 'unknown 16-18']);
  });

  it('still stores what comes after its gap was reported', () => {
    const w = new Watched();
    w.accept(10, 13);
    w.wait();
    assert.deepEqual(w.accept(11, 11), [fresh, duplicate]);
    w.wait();
    assert.deepEqual(w.told, ['unknown 11-12'], 'and does not report the rest again');
  });

  it('stores ids below the first one seen, once each', () => {
    const w = new Watched();
    assert.deepEqual(w.accept(100, 90, 95, 90, 99, 95), [fresh, fresh, fresh, duplicate, fresh, duplicate]);
    w.wait();
    assert.deepEqual(w.told, []);
  });

  it('keeps streams apart', () => {
    const w = new Watched();
    w.accept(10);
    w.sequence.accept(1, 500);
    w.accept(11);
    w.sequence.accept(1, 502);
    w.wait();
    assert.deepEqual(
      w.gaps.map((gap) => [gap.slot, gap.fromId, gap.toId]),
      [[1, 501, 501]],
    );
  });

  it('names the cause that was known when the gap appeared', () => {
    for (const cause of ['disconnect', 'ring_full', 'malformed'] as const) {
      const w = new Watched();
      w.accept(10);
      w.sequence.interrupted(cause);
      w.accept(12, 14);
      w.wait();
      assert.deepEqual(w.told, [`${cause} 11-11`, 'unknown 13-13']);
    }
  });

  it('knows no cause when an interruption cost nothing', () => {
    const w = new Watched();
    w.accept(10);
    w.sequence.interrupted('disconnect');
    w.accept(11, 13);
    w.wait();
    assert.deepEqual(w.told, ['unknown 12-12']);
  });

  it('keeps a bounded number of gaps, and marks what cannot be told from a duplicate any more', () => {
    const w = new Watched();
    w.accept(0);
    for (let i = 1; i <= SEQUENCE_GAPS_MAX + 2; i++) w.accept(i * 2);
    assert.deepEqual(w.told, ['unknown 1-1', 'unknown 3-3'], 'the oldest are reported early');
    assert.deepEqual(w.accept(1, 2, 5, 5), [uncertain, uncertain, fresh, duplicate]);
  });

  it('keeps a bounded number of gaps also when one large gap is filled here and there', () => {
    const w = new Watched();
    w.accept(0, 1_000_000);
    for (let id = 10; id < 900_000; id += 100) assert.equal(w.sequence.accept(0, id), fresh);
    w.sequence.reportDue(true);
    const missing = w.gaps.reduce((n, gap) => n + gap.messages, 0);
    const filled = Math.ceil((900_000 - 10) / 100);
    // a part that was reported early may have been filled later
    assert.ok(missing >= 999_999 - filled && missing < 1_000_000);
    assert.equal(w.sequence.accept(0, 10), uncertain);
  });

  it('stores ids beyond 2^53 rather than guess, and they disturb no others', () => {
    const w = new Watched();
    assert.deepEqual(w.accept(10, 2 ** 63, 2 ** 63, 11, 2 ** 64), Array(5).fill(fresh));
    w.wait();
    assert.deepEqual(w.told, []);
  });
});

describe('after a restart', () => {
  it('reports what was missed while the program did not run', () => {
    const w = new Watched();
    w.seed(100);
    w.accept(105);
    w.wait();
    assert.deepEqual(w.told, ['downtime 101-104']);
    assert.equal(w.gaps[0].fromSeconds, 0);
  });

  it('also when the first connection failed', () => {
    const w = new Watched();
    w.seed(100);
    w.sequence.interrupted('disconnect');
    w.accept(105);
    w.wait();
    assert.deepEqual(w.told, ['downtime 101-104']);
  });

  it('does not store again what the exchange repeats', () => {
    const w = new Watched();
    w.seed(100);
    assert.deepEqual(w.accept(100, 99, 101, 100), [duplicate, duplicate, fresh, duplicate]);
    w.wait();
    assert.deepEqual(w.told, []);
  });

  it('does not take a new numbering, or everything after one wrong id, for duplicates', () => {
    const w = new Watched();
    w.seed(9_000_000_000_000_000);
    assert.deepEqual(w.accept(1_000_000, 1_000_001, 1_000_000), [fresh, fresh, duplicate]);
  });

  it('does not go back when a symbol is taken up again', () => {
    const w = new Watched();
    w.accept(200, 201);
    w.seed(100);
    assert.deepEqual(w.accept(201, 202), [duplicate, fresh]);
    w.wait();
    assert.deepEqual(w.told, []);
  });

  it('ignores an id that no sequence can follow', () => {
    const w = new Watched();
    w.seed(Number('18446744073709551615'));
    assert.deepEqual(w.accept(10, 11), [fresh, fresh]);
  });
});

describe('announced ids', () => {
  it('are missing when they do not arrive', () => {
    const w = new Watched();
    w.accept(10);
    w.sequence.announce(0, 12);
    w.wait(GRACE_MS - 1);
    assert.deepEqual(w.told, []);
    w.wait(1);
    assert.deepEqual(w.told, ['unknown 11-12']);
    assert.deepEqual(w.accept(13, 12), [fresh, fresh]);
    w.wait();
    assert.equal(w.gaps.length, 1);
  });

  it('are no news when they arrive in time', () => {
    const w = new Watched();
    w.accept(10);
    w.sequence.announce(0, 12);
    w.accept(11, 12);
    w.sequence.announce(0, 12);
    w.wait();
    w.sequence.reportDue(true);
    assert.deepEqual(w.told, []);
  });

  it('say nothing before the first trade, nor about ids that were received', () => {
    const w = new Watched();
    w.sequence.announce(0, 12);
    w.wait();
    w.accept(20);
    w.sequence.announce(0, 15);
    w.wait();
    assert.deepEqual(w.told, []);
  });

  it('are reported at the end without waiting', () => {
    const w = new Watched();
    w.accept(10, 12);
    w.sequence.announce(0, 13);
    w.sequence.reportDue(true);
    assert.deepEqual(w.told, ['unknown 11-11', 'unknown 13-13']);
  });
});

describe('a channel without ids', () => {
  it('reports the interval of an interruption, and only where something was received before', () => {
    const w = new Watched(MD);
    w.sequence.interrupted('disconnect');
    w.sequence.touch(0);
    assert.equal(w.gaps.length, 0);
    assert.deepEqual([w.sequence.seen(0), w.sequence.seen(1)], [true, false]);
    w.sequence.interrupted('disconnect');
    w.received[0] = 1060;
    w.sequence.touch(0);
    w.sequence.touch(0);
    const [gap] = w.gaps;
    assert.equal(w.gaps.length, 1);
    assert.deepEqual(
      [gap.cause, gap.fromId, gap.toId, gap.fromSeconds, gap.toSeconds, gap.messages],
      ['disconnect', 0, 0, 1000, 1060, 0],
    );
  });
});

it('stores every id that is delivered exactly once and reports exactly the others, whatever the order', () => {
  const random = randomFrom(21);
  for (let round = 0; round < 400; round++) {
    const w = new Watched();
    const first = random(1000);
    const count = 20 + random(300);
    const delivered: number[] = [];
    for (let id = first + 1; id <= first + count; id++) {
      if (random(12) === 0 && id < first + count) continue;
      delivered.push(id);
      if (random(10) === 0) delivered.push(id);
    }
    // neighbours change places up to 15 apart, as threads of an exchange would do it
    for (let i = 0; i < delivered.length; i++) {
      const j = Math.min(delivered.length - 1, i + random(random(6) === 0 ? 15 : 2));
      [delivered[i], delivered[j]] = [delivered[j], delivered[i]];
    }
    const stored: number[] = [];
    const all = [first, ...delivered];
    for (const id of all) {
      if (w.sequence.accept(0, id) !== duplicate) stored.push(id);
      if (random(20) === 0) w.wait(random(GRACE_MS));
    }
    const before = new Set(w.gaps.flatMap((gap) => idsOf(gap)));
    w.sequence.reportDue(true);
    const reported = new Set(w.gaps.flatMap((gap) => idsOf(gap)));
    assert.deepEqual(
      [...stored].sort((a, b) => a - b),
      [...new Set(all)].sort((a, b) => a - b),
      'stored once each',
    );
    const newest = Math.max(...all);
    for (let id = first; id <= newest; id++) {
      // what was reported before it came late may be stored all the same
      if (!all.includes(id)) assert.ok(reported.has(id), `${id} is missing and not reported`);
      else assert.ok(!reported.has(id) || before.has(id), `${id} was received and is reported`);
    }
  }
});

function idsOf(gap: Gap): number[] {
  return Array.from({ length: gap.toId - gap.fromId + 1 }, (_, i) => gap.fromId + i);
}

describe('an id that is far too high', () => {
  const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const WRONG = 5_000_000;

  it('is taken back when the ids go on below it, and later gaps are found again', () => {
    const w = new Watched();
    w.accept(...range(10, 20), WRONG);
    assert.ok(w.accept(...range(21, 40)).every((seen) => seen === fresh));
    assert.deepEqual(w.outliers, [WRONG]);
    w.wait();
    assert.deepEqual(w.told, []);
    w.accept(45);
    w.wait();
    assert.deepEqual(w.told, ['unknown 41-44']);
    assert.deepEqual(w.accept(40, 45), [duplicate, duplicate]);
  });

  it('is no gap when the ids jump over it, and uncertain when it comes again', () => {
    const w = new Watched();
    w.accept(10, WRONG, WRONG + 1, ...range(11, 30));
    assert.deepEqual(w.outliers, [WRONG + 1]);
    const [seen] = w.accept(WRONG);
    assert.equal(seen, uncertain);
    w.accept(WRONG + 3);
    w.wait();
    assert.deepEqual(w.told, [`unknown 31-${WRONG - 1}`, `unknown ${WRONG + 2}-${WRONG + 2}`]);
  });

  it('several at different heights are all taken back', () => {
    const w = new Watched();
    w.accept(10, WRONG, 2 * WRONG, ...range(11, 30), 33);
    w.wait();
    assert.deepEqual([w.outliers, w.told], [[2 * WRONG], ['unknown 31-32']]);
  });

  it('stays when newer ids follow it, or when late ones only fill what is missing', () => {
    const w = new Watched();
    w.accept(10, WRONG);
    // late ones between newer ones
    for (let n = 1; n < 50; n++) w.accept(10 + n, WRONG + n);
    assert.deepEqual(w.outliers, []);
    w.accept(WRONG + 600, ...range(WRONG + 50, WRONG + 599));
    assert.deepEqual(w.outliers, []);
    w.wait();
    assert.deepEqual(w.told, [`unknown 60-${WRONG - 1}`]);
  });

  it('that an exchange only announced is taken back, too', () => {
    const w = new Watched();
    w.accept(10);
    w.sequence.announce(0, WRONG);
    w.wait();
    w.accept(...range(11, 30));
    w.accept(WRONG + 1);
    w.wait();
    assert.deepEqual(w.told, [`unknown 11-${WRONG}`, `unknown 31-${WRONG}`]);
  });
});

describe('messages that stand for a range of ids', () => {
  it('follow each other without gaps between their ends, and fill gaps', () => {
    const w = new Watched();
    const take = (...ranges: [number, number][]) =>
      ranges.map(([from, to]) => w.sequence.acceptRange(0, from, to));
    assert.deepEqual(take([10, 12], [13, 13], [14, 20]), [fresh, fresh, fresh]);
    assert.deepEqual(take([25, 26], [13, 13], [14, 20]), [fresh, duplicate, duplicate]);
    assert.deepEqual(take([22, 23]), [fresh], 'late');
    assert.deepEqual(take([26, 30]), [uncertain], 'its first one is known');
    assert.deepEqual(take([31, 31]), [fresh]);
    w.wait();
    assert.deepEqual(w.told, ['unknown 21-21', 'unknown 24-24']);
  });

  it('of an earlier run are listed by their times alone', () => {
    const w = new Watched();
    w.sequence.seed(0, [900, 5]);
    w.sequence.acceptRange(0, 50, 52);
    const [{ cause, fromId, toId, fromSeconds, fromNanos, messages }] = w.gaps;
    assert.deepEqual([cause, fromId, toId, fromSeconds, fromNanos, messages], ['downtime', 0, 0, 900, 5, 0]);
    assert.deepEqual(w.sequence.acceptRange(0, 53, 53), fresh);
    assert.equal(w.gaps.length, 1);
  });
});

describe('what was dropped', () => {
  it('is listed at the end, though nothing came behind it', () => {
    for (const table of [MD, TRADES]) {
      const w = new Watched(table);
      if (table === MD) w.sequence.touch(0);
      else w.accept(10);
      w.sequence.interrupted('ring_full');
      w.received[0] += 30;
      w.sequence.reportDue();
      assert.deepEqual(w.told, []);
      w.sequence.reportDue(true);
      const [gap, neverSeen] = w.gaps;
      assert.equal(gap.toSeconds - gap.fromSeconds, 30);
      assert.deepEqual([neverSeen.slot, neverSeen.fromSeconds], [1, 0]);
      assert.deepEqual(w.told, ['ring_full 0-0', 'ring_full 0-0']);
      w.sequence.reportDue(true);
      assert.equal(w.gaps.length, 2);
    }
  });

  it('is listed in front of the first message of a stream, which lost connections are not', () => {
    for (const cause of ['disk', 'disconnect'] as const) {
      const w = new Watched();
      w.sequence.interrupted(cause);
      w.accept(10);
      assert.deepEqual(w.told, cause === 'disk' ? ['disk 0-0'] : []);
    }
  });
});
