/** The live table on terminals of several widths, and what it says of the last seconds. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LiveTable, tableLines } from '../../src/commands/live_table.js';
import { loadExchanges } from '../../src/exchanges/index.js';
import { session, snapshot, stored } from '../supervisor/snapshots.js';

const QUANTILES = { count: 10, p50: 41, p99: 12_345, p999: 99_000, max: 99_000 };

/** All exchanges at work, with numbers as large as they get. */
async function all(recent = QUANTILES) {
  const ids = (await loadExchanges()).map(({ id }) => id);
  return snapshot({
    sessions: ids.map((exchange) =>
      session({
        exchange,
        symbols: 500,
        messagesPerSecond: 123_456.7,
        rowsPerSecond: 1_234_567.8,
        ringFill: 123,
        counters: { dropped: 1234, gaps: 56_789, repairs_waiting: 12, repaired: 4567 },
      }),
    ),
    stored: Object.fromEntries(ids.map((id) => [id, stored({ bytes_written: 20_000_000 })])),
    latency: Object.fromEntries(ids.map((id) => [id, { ...QUANTILES, p50: 999_999 }])),
    recentLatency: Object.fromEntries(ids.map((id) => [id, recent])),
  });
}

const headings = (lines: readonly string[]) => lines[0].trim().split(/ {2,}/);

describe('the lines of the table', () => {
  it('shows everything where there is room', async () => {
    const lines = tableLines(await all(), 140);
    assert.deepEqual(headings(lines), [
      'exchange',
      'up',
      'symbols',
      'msgs/s',
      'rows/s',
      'p50 ms',
      'p99 ms',
      'ring',
      'dropped',
      'gaps',
      'repairing',
      'repaired',
      'on disk',
    ]);
    assert.equal(
      lines.find((line) => line.startsWith('coinbase-advanced ')),
      'coinbase-advanced  1/1      500  123,457  1,234,568    0.04    12.3   12%    1,234  56,789         12     4,567   1.3 GB',
    );
  });

  it('leaves out whole columns, the least telling first, and cuts nothing', async () => {
    const state = await all();
    const whole = tableLines(state, 200);
    const kept = (width: number) => headings(tableLines(state, width));
    assert.deepEqual(kept(80), ['exchange', 'up', 'msgs/s', 'rows/s', 'p50 ms', 'p99 ms', 'dropped', 'gaps']);
    assert.deepEqual(kept(60), ['exchange', 'up', 'msgs/s', 'rows/s', 'dropped', 'gaps']);
    assert.deepEqual(kept(40), ['exchange', 'up', 'rows/s']);
    for (let width = 20; width < 120; width++) {
      const lines = tableLines(state, width);
      assert.ok(
        lines.every((line) => line.length <= width),
        `${width}: ${lines.join('\n')}`,
      );
      for (const [i, line] of lines.slice(0, 10).entries())
        for (const cell of line.trim().split(/ {2,}/))
          assert.ok(whole[i].includes(cell), `${width}: ${cell}`);
    }
  });

  it('breaks the line of the state between words', async () => {
    const state = snapshot({
      sessions: [session({ state: 'CONNECTING' })],
      startedMs: (await all()).nowMs - 10_000,
    });
    assert.deepEqual(tableLines(state, 24).slice(2), ['degraded, up 10 s:', 'venue: no connection is', 'up']);
  });

  it('shows latencies of the last seconds, and none where nothing came', async () => {
    assert.ok(!tableLines(await all(), 120).some((line) => line.includes('1000')));
    const quiet = tableLines(await all({ ...QUANTILES, count: 0 }), 120);
    assert.match(quiet[1], / –\s+– /);
  });
});

describe('on the screen', () => {
  it('redraws in place, and lets a line that stays stand above', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const written: string[] = [];
    const write = (text: string) => written.push(text) > 0;
    const table = new LiveTable({ isTTY: true, columns: 80, write } as never);
    const state = await all();
    const drawing = tableLines(state, 80);
    const text = `${drawing.join('\n')}\n`;
    const erased = `\u001b[${drawing.length}A\r\u001b[J`;
    table.print('before\n');
    table.start(() => state);
    t.mock.timers.tick(2000);
    table.print('above\n');
    table.stop();
    table.print('behind\n');
    assert.deepEqual(written, [
      ...['before\n', text, `${erased}${text}`],
      ...[`${erased}above\n`, text, `${erased}${text}`, 'behind\n'],
    ]);
  });
});
