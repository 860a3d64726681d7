/** Ids that begin again: a venue counts anew, after a restart of its own or a relisting. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TIME } from '../../../src/base/time.js';
import type { Gap } from '../../../src/feed/continuity/gap_log.js';
import { SEEN, Sequence } from '../../../src/feed/continuity/sequence.js';
import { TRADES } from '../../../src/schema/tables.js';

const { fresh, duplicate, uncertain } = SEEN;
const NOW = 1_800_000_000;

class Watched {
  readonly gaps: Gap[] = [];
  readonly again: Gap[] = [];
  readonly received = new Uint32Array([NOW, 0]);
  duplicates = 0;
  readonly sequence: Sequence;

  constructor() {
    const events = {
      gap: (gap: Gap) => this.gaps.push(gap),
      again: (gap: Gap) => this.again.push(gap),
      reordered: () => undefined,
      duplicate: () => this.duplicates++,
      outlier: () => undefined,
    };
    this.sequence = new Sequence({ table: TRADES, ids: 'contiguous' }, this.received, events, () => 0);
    this.sequence.resize(1);
  }

  /** Delivers ids whose trades happened `age` seconds before their receipt. */
  accept(from: number, to: number, age = 0): number[] {
    const seen: number[] = [];
    for (let id = from; id <= to; id++) {
      TIME[0] = this.received[0] - age;
      seen.push(this.sequence.accept(0, id));
    }
    return seen;
  }

  wait(seconds: number): void {
    this.received[0] += seconds;
  }
}

const times = <T>(count: number, value: T): T[] => new Array<T>(count).fill(value);

describe('ids that begin again', () => {
  it('are kept, flagged until it is certain, and anchor the sequence anew', () => {
    const w = new Watched();
    w.accept(1_000_000, 1_000_100);
    w.wait(5);
    const seen = w.accept(1, 5000);
    assert.ok(!seen.includes(duplicate), 'nothing is swallowed');
    assert.deepEqual(seen.slice(8), times(4992, fresh));
    assert.deepEqual(
      w.again.map(({ cause, fromId, toId, fromSeconds, toSeconds }) => [
        ...[cause, fromId, toId, fromSeconds, toSeconds],
      ]),
      [['reset', 0, 0, NOW, NOW + 5]],
    );
    assert.equal(w.sequence.expected(0), 5001);
    w.accept(5004, 5004);
    w.sequence.reportDue(true);
    assert.deepEqual(
      w.gaps.map(({ fromId, toId }) => [fromId, toId]),
      [[5001, 5003]],
    );
  });

  it('are known by the time of their trades where they lie among those that were seen', () => {
    const w = new Watched();
    w.accept(1, 3000);
    w.wait(60);
    assert.deepEqual(w.accept(10, 17), times(8, uncertain));
    assert.equal(w.again.length, 1);
    assert.deepEqual(w.accept(18, 20), times(3, fresh));
  });

  it('across a restart, too', () => {
    const w = new Watched();
    w.sequence.seed(0, [NOW - 300, 0]);
    w.sequence.seedIds(0, 2000, []);
    assert.deepEqual(w.accept(1, 8), times(8, uncertain));
    assert.equal(w.again.length, 1);
    assert.equal(w.sequence.expected(0), 9);
  });
});

describe('what an exchange repeats', () => {
  it('is no new beginning: its trades are older than the receipt of the newest one', () => {
    const w = new Watched();
    w.accept(1, 3000);
    w.wait(60);
    assert.deepEqual(w.accept(2901, 3000, 61), times(100, duplicate));
    assert.deepEqual([w.again.length, w.duplicates], [0, 100]);
    assert.deepEqual(w.accept(3001, 3001), [fresh]);
  });

  it('with other content, once, is kept and flagged', () => {
    const w = new Watched();
    w.accept(1, 3000);
    w.wait(60);
    assert.deepEqual(w.accept(2950, 2950), [uncertain]);
    assert.deepEqual(w.accept(3001, 3001), [fresh]);
    assert.equal(w.again.length, 0);
  });
});
