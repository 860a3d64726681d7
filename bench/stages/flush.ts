/** Stage `flush`: what a capture of many symbols has to write every few seconds, file by file. */
import { join } from 'node:path';
import { descriptorBudget } from '../../src/supervisor/resources.js';
import { alternate } from '../alternate.js';
import { countedIo } from '../counted_io.js';
import type { Figure, StageContext } from '../stage.js';
import { makeFiles, RIG_JOURNAL, RIG_TABLES, WriterRig } from '../writer_rig.js';

const CONNECTIONS = 15;
const SYMBOLS = 1100;
const SMOKE_SYMBOLS = 5;
/** What comes in a flush interval of 5 s at 100,000 messages a second. */
const ROWS = 500_000;
const SMOKE_ROWS = 200;
const FLUSH_INTERVAL_MS = 5000;
const FLUSH_MS_MAX = 500;

export async function* figures(context: StageContext): AsyncIterable<Figure> {
  const { smoke, folder } = context;
  const symbols = smoke ? SMOKE_SYMBOLS : SYMBOLS;
  const connections = Math.min(CONNECTIONS, symbols);
  const rows = smoke ? SMOKE_ROWS : ROWS;
  const dataPath = join(folder, 'data');
  const { io, take } = countedIo();
  context.input(Buffer.from(`${rows} rows of ${symbols} symbols`));
  context.progress('making the files');
  const files = makeFiles(io, dataPath, symbols, true);
  const rig = new WriterRig({
    dataPath,
    io,
    symbols,
    connections,
    // all of it waits in the rings before anything is taken
    ringWords: 2 ** Math.ceil(Math.log2((rows / connections) * 64)),
    flushIntervalMs: FLUSH_INTERVAL_MS,
    exact: true,
    descriptorsMax: descriptorBudget(),
    journal: RIG_JOURNAL,
  });
  let calls: Record<string, number> = {};
  const flush = (): number => {
    for (let n = 0; n < rows; n++)
      if (!rig.put(n % symbols, RIG_TABLES[Math.floor(n / symbols) % RIG_TABLES.length]))
        throw new Error('a ring is full');
    rig.publish();
    rig.drain();
    take();
    const started = performance.now();
    rig.flush();
    const ms = performance.now() - started;
    calls = take();
    return ms;
  };
  // the first one opens the files
  flush();
  context.progress('flushing');
  const { flushes } = await alternate(context, { flushes: flush });
  context.dropped(rig.rows - rig.written);
  const notes = `${rows} rows of ${symbols} symbols to ${files} files`;
  yield {
    name: 'flush',
    unit: 'ms',
    better: 'less',
    group: 'a flush',
    values: flushes,
    target: { value: FLUSH_MS_MAX },
    notes,
  };
  yield {
    name: 'disk calls of a flush',
    unit: 'calls',
    better: 'less',
    group: 'calls of a flush',
    values: [Object.values(calls).reduce((sum, count) => sum + count, 0)],
    notes: Object.entries(calls)
      .map(([call, count]) => `${call} ${count}`)
      .join(', '),
  };
}
