/** The stages of `logger bench` in the order in which they run; each is a module of bench/stages/. */
import { pacedSeconds } from './paced_loads.js';
import type { Asked, Stage } from './stage.js';

export const STAGES: readonly Stage[] = [
  {
    name: 'parse',
    summary: 'bytes to rows in the ring, every kind of message beside JSON.parse of the same bytes',
    seconds: () => 12,
    load: () => import('./stages/parse.js'),
  },
  {
    name: 'ring',
    summary: 'rows through the ring between two threads',
    seconds: () => 1,
    load: () => import('./stages/ring.js'),
  },
  {
    name: 'journal',
    summary: 'blocks to the journal, syncs, and recovery per GB',
    seconds: () => 14,
    load: () => import('./stages/journal.js'),
  },
  {
    name: 'columns',
    summary: 'rows from the rings to the column files, and their size there',
    seconds: () => 5,
    load: () => import('./stages/columns.js'),
  },
  {
    name: 'feed',
    summary: 'messages from the wire to the ring, every exchange, trades over TLS, too',
    seconds: () => 34,
    load: () => import('./stages/feed.js'),
  },
  {
    name: 'pipeline',
    summary: 'trades from the wire to the disk, the whole logger in turn with other programs',
    seconds: () => 95,
    load: () => import('./stages/pipeline.js'),
  },
  {
    name: 'paced',
    summary:
      'the logger beside other programs at rates that exchanges send at: share of a core, CPU per message',
    seconds: pacedSeconds,
    load: () => import('./stages/paced.js'),
  },
  {
    name: 'latency',
    summary: 'from the time a message is due to the ring and to the journal, open loop',
    seconds: () => 38,
    load: () => import('./stages/latency.js'),
  },
  {
    name: 'scale',
    summary: 'what more symbols and more connections cost',
    seconds: () => 80,
    load: () => import('./stages/scale.js'),
  },
  {
    name: 'sinks',
    summary: 'what delivering costs',
    seconds: () => 0,
    load: () => import('./stages/sinks.js'),
  },
  {
    name: 'flush',
    summary: 'a flush of 1,100 symbols, over 30,000 files: its time and its disk calls',
    seconds: () => 12,
    load: () => import('./stages/flush.js'),
  },
];

/** What some stages take about together. */
export function secondsOf(stages: readonly Stage[], effort: number, asked: Asked): number {
  return Math.round(stages.reduce((sum, { seconds }) => sum + seconds(asked) * effort, 0));
}
