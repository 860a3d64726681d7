/**
 * The newest rows of every symbol and table in the memory of the process, for whoever asks by way of
 * delivery/recent_rows_channel.ts. Nothing of it outlives the process.
 */
import { integer, number } from '../config/kinds.js';
import { RecentRows } from '../delivery/recent_rows.js';
import { serveRecentRows } from '../delivery/recent_rows_channel.js';
import { defineSink } from '../delivery/sink.js';

const nowSecs = () => Date.now() / 1000;

export default defineSink({
  doc: 'The newest rows in memory, to be asked for while the logger runs.',
  options: {
    rows_per_symbol: integer({
      default: 1000,
      min: 1,
      max: 1_000_000,
      applies: 'reload',
      doc: 'Rows that are kept of each symbol and table.',
    }),
    rows_total: integer({
      default: 10_000,
      min: 1,
      max: 200_000,
      applies: 'reload',
      doc: 'Rows that are kept in all; the oldest go first.',
    }),
    minutes: number({
      default: 60,
      min: 0.01,
      max: 100_000,
      applies: 'reload',
      doc: 'Minutes after which a row is forgotten, by its receive time.',
    }),
  },
  batch: { rows: 1000, secs: 0.1 },
  from: 'now',
  open({ rows_per_symbol: rowsEach, rows_total: rowsTotal, minutes }, { name }) {
    const recent = new RecentRows({ rowsEach, rowsTotal, seconds: minutes * 60 });
    const server = serveRecentRows(name, (query) => recent.find(query, nowSecs()));
    return {
      deliver: (batch) => recent.add(batch, nowSecs()),
      flush: () => undefined,
      close: () => server.close(),
    };
  },
});
