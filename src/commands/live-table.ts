/**
 * The table that a terminal shows while data is captured: a line per exchange, once a second. Where the output is not
 * a terminal, a plain copy every few seconds.
 */
import type { WriteStream } from 'node:tty';
import { byExchange, type ShardStatus, type Snapshot, symbolsOf } from '../supervisor/snapshot.js';
import { healthOf } from '../supervisor/status.js';

const REDRAW_MS = 1000;
const PLAIN_MS = 5000;
const HEADINGS = [
  'exchange',
  'up',
  'symbols',
  'messages/s',
  'rows/s',
  'p50 µs',
  'p99 µs',
  'ring',
  'dropped',
  'gaps',
  'on disk',
];

function bytes(n: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  while (n >= 1000 && unit < units.length - 1) {
    n /= 1000;
    unit++;
  }
  return `${n.toFixed(unit === 0 ? 0 : 1)} ${units[unit]}`;
}

function row(s: Snapshot, exchange: string, shards: readonly ShardStatus[]): string[] {
  const sum = (pick: (shard: ShardStatus) => number) => shards.reduce((n, shard) => n + pick(shard), 0);
  const count = (n: number) => Math.round(n).toLocaleString('en-US');
  return [
    exchange,
    `${shards.filter((shard) => shard.state === 'ACTIVE').length}/${shards.length}`,
    count(symbolsOf(shards, (shard) => shard.symbols)),
    count(sum((shard) => shard.messagesPerSecond)),
    count(sum((shard) => shard.rowsPerSecond)),
    count(s.latency[exchange].p50),
    count(s.latency[exchange].p99),
    `${(Math.max(...shards.map((shard) => shard.counters.ring_fill)) / 10).toFixed(1)} %`,
    count(sum((shard) => shard.counters.dropped)),
    count(sum((shard) => shard.counters.gaps)),
    bytes(sum((shard) => shard.drain.bytes_written) * 64),
  ];
}

/** The lines of the table; latency is from the socket to the ring. */
export function tableLines(s: Snapshot): string[] {
  const rows = [HEADINGS, ...[...byExchange(s)].map(([exchange, shards]) => row(s, exchange, shards))];
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((cells) => cells[column].length)));
  const align = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]);
  const { status, uptime_seconds, reasons } = healthOf(s);
  const state = `${status}, up ${uptime_seconds} s${reasons.length > 0 ? `: ${reasons.join('; ')}` : ''}`;
  return [...rows.map((cells) => cells.map(align).join('  ')), state];
}

export class LiveTable {
  private readonly timer: NodeJS.Timeout;
  private drawn = 0;

  constructor(
    private readonly out: WriteStream,
    private readonly snapshot: () => Snapshot,
  ) {
    this.timer = setInterval(() => this.draw(), out.isTTY ? REDRAW_MS : PLAIN_MS);
  }

  private draw(): void {
    const lines = tableLines(this.snapshot());
    if (!this.out.isTTY) {
      this.out.write(`${lines.join('\n')}\n`);
      return;
    }
    const width = this.out.columns ?? 120;
    const up = this.drawn > 0 ? `\u001b[${this.drawn}A` : '';
    this.out.write(up + lines.map((line) => `\u001b[2K${line.slice(0, width)}\n`).join(''));
    this.drawn = lines.length;
  }

  /** Draws once more and stops. */
  stop(): void {
    clearInterval(this.timer);
    this.draw();
  }
}
