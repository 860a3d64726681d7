/**
 * Rows as Parquet files for DuckDB, pandas, polars and others, a folder per exchange, symbol, table and day. A file appears
 * whole and durable, by a rename; until then its rows are staged, and no crash costs one or brings one twice.
 */
import { resolve } from 'node:path';
import { messageOf } from '../base/errors.js';
import { choice, integer, number, text } from '../config/kinds.js';
import type { Batch } from '../delivery/batch.js';
import { loadDriver } from '../delivery/driver.js';
import { COMPRESSIONS, codecOf, type Driver } from '../delivery/parquet/file.js';
import { ParquetStore } from '../delivery/parquet/store.js';
import { defineSink, type OptionValues, type Sink, type SinkContext } from '../delivery/sink.js';

const DRIVER = 'hyparquet-writer';
const DRIVER_VERSION = '0.17.0';
const TICK_MS = 1000;
/** Of each tick, so that batches and the end of the process do not wait long for thousands of files that are due. */
const TICK_BUDGET_MS = 250;

const options = {
  path: text({
    default: 'parquet',
    applies: 'reload',
    doc: 'Folder of the files; it is made when it is missing, and belongs to one sink. A relative path starts at the working directory.',
  }),
  compression: choice({
    values: COMPRESSIONS,
    default: 'auto',
    applies: 'reload',
    doc: 'How columns are compressed; zstd needs Node 22.15 or later, and "auto" is zstd there and snappy elsewhere.',
  }),
  rotate_rows: integer({
    default: 1_000_000,
    min: 1,
    max: 100_000_000,
    applies: 'reload',
    doc: 'Rows of one symbol, table and day from which on they become a file.',
  }),
  rotate_secs: number({
    default: 3600,
    min: 0.1,
    max: 31_536_000,
    applies: 'reload',
    doc: 'Seconds after which the rows of a symbol, table and day become a file, however few there are; the end of the logger makes files, too.',
  }),
  row_group_rows: integer({
    default: 100_000,
    min: 100,
    max: 250_000,
    applies: 'reload',
    doc: 'Rows of a row group, which is what readers skip as a whole and what is in memory while a file is written.',
  }),
};

type Settings = OptionValues<typeof options>;

class ParquetSink implements Sink {
  private readonly timer: NodeJS.Timeout;
  /** whether everything that was delivered is staged */
  private whole = true;

  constructor(
    private readonly store: ParquetStore,
    private readonly context: SinkContext,
  ) {
    this.timer = setInterval(() => this.tick(), TICK_MS).unref();
  }

  /** Rows wait for their file even when no other row comes. */
  private tick(): void {
    try {
      this.store.completeDue(Date.now(), TICK_BUDGET_MS);
    } catch (error) {
      this.context.log('warn', `no file can be written: ${messageOf(error)}; it is tried again`);
    }
  }

  deliver(batch: Batch): void {
    this.whole = false;
    this.store.add(batch);
  }

  flush(): unknown {
    const state = this.store.sync();
    this.whole = true;
    return state;
  }

  close(): void {
    clearInterval(this.timer);
    if (this.whole) this.store.completeAll();
  }
}

export default defineSink({
  doc: 'Parquet files by exchange, symbol, table and day, with exact decimals and times in nanoseconds.',
  options,
  batch: { rows: 50_000, bytes: 8_388_608, secs: 5 },
  async open(settings: Settings, context) {
    const driver = await loadDriver<Driver>(DRIVER, DRIVER_VERSION);
    const format = { driver, codec: codecOf(settings.compression), rowGroupRows: settings.row_group_rows };
    const { rotate_rows: rotateRows, rotate_secs } = settings;
    const root = resolve(settings.path);
    const { name: sink, state } = context;
    const store = new ParquetStore({
      ...{ root, sink, state, format, rotateRows, rotateMs: rotate_secs * 1000 },
    });
    return new ParquetSink(store, context);
  },
});
