/**
 * The table that a terminal shows while data is captured: a line per exchange, once a second. Where the output is not
 * a terminal, a plain copy every few seconds. What has no room on the terminal is left out, the least informative first.
 */
import type { WriteStream } from 'node:tty';
import {
  awake,
  byExchange,
  isUp,
  type SessionStatus,
  type Snapshot,
  symbolsOf,
} from '../supervisor/snapshot.js';
import { healthOf } from '../supervisor/status.js';

const REDRAW_MS = 1000;
const PLAIN_MS = 3000;
/** What a copy that is no terminal may take. */
const PLAIN_WIDTH = 120;
const BETWEEN = '  ';
const CLEAR_BELOW = '\u001b[J';

/** The connections of one exchange. */
interface Line {
  readonly snapshot: Snapshot;
  readonly exchange: string;
  readonly sessions: readonly SessionStatus[];
}

interface Column {
  readonly heading: string;
  /** columns with a higher number are left out first */
  readonly rank: number;
  cell(line: Line): string;
}

function sum({ sessions }: Line, pick: (session: SessionStatus) => number): number {
  return sessions.reduce((n, session) => n + pick(session), 0);
}

/** Made once: making one takes longer than a whole table. */
const WHOLE = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

function count(n: number): string {
  return WHOLE.format(n);
}

function bytes(n: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  while (n >= 1000 && unit < units.length - 1) {
    n /= 1000;
    unit++;
  }
  return `${n.toFixed(unit === 0 ? 0 : 1)} ${units[unit]}`;
}

/** Milliseconds with three significant digits. */
function milliseconds(micros: number): string {
  const ms = micros / 1000;
  return ms.toFixed(ms < 10 ? 2 : ms < 100 ? 1 : 0);
}

/** A quantile of the last seconds, from the socket to the ring. */
function latency({ snapshot, exchange }: Line, quantile: 'p50' | 'p99'): string {
  const recent = snapshot.recentLatency[exchange];
  return recent.count === 0 ? '–' : milliseconds(recent[quantile]);
}

const COLUMNS: readonly Column[] = [
  { heading: 'exchange', rank: 0, cell: ({ exchange }) => exchange },
  {
    heading: 'up',
    rank: 2,
    cell: ({ sessions }) => `${sessions.filter(isUp).length}/${awake(sessions).length}`,
  },
  {
    heading: 'symbols',
    rank: 10,
    cell: ({ sessions }) => count(symbolsOf(sessions, (session) => session.symbols)),
  },
  { heading: 'msgs/s', rank: 3, cell: (line) => count(sum(line, (session) => session.messagesPerSecond)) },
  { heading: 'rows/s', rank: 1, cell: (line) => count(sum(line, (session) => session.rowsPerSecond)) },
  { heading: 'p50 ms', rank: 6, cell: (line) => latency(line, 'p50') },
  { heading: 'p99 ms', rank: 7, cell: (line) => latency(line, 'p99') },
  {
    heading: 'ring',
    rank: 9,
    cell: ({ sessions }) => `${Math.round(Math.max(...sessions.map((s) => s.ringFill)) / 10)}%`,
  },
  { heading: 'dropped', rank: 5, cell: (line) => count(sum(line, (session) => session.counters.dropped)) },
  { heading: 'gaps', rank: 4, cell: (line) => count(sum(line, (session) => session.counters.gaps)) },
  {
    heading: 'repairing',
    rank: 12,
    cell: (line) => count(sum(line, (session) => session.counters.repairs_waiting)),
  },
  { heading: 'repaired', rank: 11, cell: (line) => count(sum(line, (session) => session.counters.repaired)) },
  {
    heading: 'on disk',
    rank: 8,
    cell: ({ snapshot, exchange }) => bytes(snapshot.stored[exchange].bytes_written * 64),
  },
];

/** A column with its cells, the heading first, all of one width. */
function rendered(column: Column, lines: readonly Line[]): { readonly rank: number; cells: string[] } {
  const cells = [column.heading, ...lines.map((line) => column.cell(line))];
  const width = Math.max(...cells.map((cell) => cell.length));
  const align = (cell: string) => (column.rank === 0 ? cell.padEnd(width) : cell.padStart(width));
  return { rank: column.rank, cells: cells.map(align) };
}

/** Breaks a text at blanks into lines of at most `width`; a longer word is broken where it must be. */
function wrapped(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines[lines.length - 1];
    if (line === '') lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines.flatMap((line) => line.match(new RegExp(`.{1,${width}}`, 'gu')) ?? ['']);
}

/** The lines of the table, none of them longer than `width`; latencies are those of the last seconds. */
export function tableLines(snapshot: Snapshot, width: number): string[] {
  const lines = [...byExchange(snapshot)].map(([exchange, sessions]) => ({ snapshot, exchange, sessions }));
  const columns = COLUMNS.map((column) => rendered(column, lines));
  const needed = () =>
    columns.reduce((n, { cells }) => n + cells[0].length + BETWEEN.length, -BETWEEN.length);
  while (needed() > width && columns.length > 1) {
    const least = columns.reduce((a, b) => (b.rank > a.rank ? b : a));
    columns.splice(columns.indexOf(least), 1);
  }
  const rows = columns[0].cells.map((_, i) => columns.map(({ cells }) => cells[i]).join(BETWEEN));
  const { status, uptime_seconds, reasons } = healthOf(snapshot);
  const state = `${status}, up ${uptime_seconds} s${reasons.length > 0 ? `: ${reasons.join('; ')}` : ''}`;
  return [...rows.map((row) => row.slice(0, width)), ...wrapped(state, width)];
}

export class LiveTable {
  private timer: NodeJS.Timeout | undefined;
  private snapshot: (() => Snapshot) | undefined;
  /** lines on the terminal that the next drawing replaces */
  private drawn = 0;

  constructor(private readonly out: Pick<WriteStream, 'write' | 'isTTY' | 'columns'>) {}

  start(snapshot: () => Snapshot): void {
    this.snapshot = snapshot;
    this.timer = setInterval(() => this.draw(), this.out.isTTY ? REDRAW_MS : PLAIN_MS);
  }

  /** Writes lines that stay, above the table. */
  print(text: string): void {
    this.out.write(`${this.erased()}${text}`);
    if (this.drawn > 0) {
      this.drawn = 0;
      this.draw();
    }
  }

  private erased(): string {
    return this.drawn > 0 ? `\u001b[${this.drawn}A\r${CLEAR_BELOW}` : '';
  }

  private draw(): void {
    if (this.snapshot === undefined) return;
    const { out } = this;
    const lines = tableLines(this.snapshot(), out.isTTY ? out.columns || PLAIN_WIDTH : PLAIN_WIDTH);
    const text = lines.map((line) => `${line}\n`).join('');
    out.write(`${this.erased()}${text}`);
    this.drawn = out.isTTY ? lines.length : 0;
  }

  /** Draws once more and stops; what is written later stands below. */
  stop(): void {
    clearInterval(this.timer);
    this.draw();
    this.snapshot = undefined;
    this.drawn = 0;
  }
}
