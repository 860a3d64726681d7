/**
 * Stage `parse`: what a message costs from bytes to rows in the ring, every kind of message of every exchange beside
 * JSON.parse of the same bytes, which makes an object and no row.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { AGG_TRADES, MD, TRADES } from '../../src/schema/tables.js';
import { BENCH_EXCHANGES, loadCases } from '../cases/index.js';
import { FRAME_WALK, limitsOf } from '../limits.js';
import type { CaseResult, ParseThreadInit, ParseThreadResult } from '../parse_thread.js';
import type { Figure, StageContext } from '../stage.js';

/** What the time of JSON.parse is multiplied with for the target: by far the most messages are of these tables. */
const FREQUENT_TABLES: readonly string[] = [TRADES.name, AGG_TRADES.name, MD.name];
const FREQUENT_RATIO = 0.5;
const OTHER_RATIO = 1;
const SMOKE_MS = 1;
/** Bytes per message that the heap may grow by: nothing, as far as a collection can tell. */
const GROWTH_BYTES_MAX = 1;

function runThread(init: ParseThreadInit, signal: AbortSignal): Promise<ParseThreadResult> {
  const worker = new Worker(new URL('../parse_thread.js', import.meta.url), { workerData: init });
  const end = () => void worker.terminate();
  signal.addEventListener('abort', end);
  return Promise.race([
    once(worker, 'message').then(([result]) => result as ParseThreadResult),
    // a thread that fails tells it as an event that rejects
    once(worker, 'exit').then(([code]) => {
      throw new Error(`the thread of ${init.exchange} has ended with status ${code}`);
    }),
  ]).finally(() => signal.removeEventListener('abort', end));
}

function* figuresOf(exchange: string, result: CaseResult): Iterable<Figure> {
  const { name, table, scan, unchecked, parse, simdjson, allocated } = result;
  const common = { unit: 'ns/message', better: 'less', group: exchange } as const;
  const baseline = `${name}, JSON.parse`;
  const ratio = FREQUENT_TABLES.includes(table) ? FREQUENT_RATIO : OTHER_RATIO;
  yield {
    ...common,
    name,
    values: scan,
    target: { of: baseline, ratio },
    limit: { of: FRAME_WALK, ratio: 1 },
  };
  yield { ...common, name: baseline, values: parse };
  yield { ...common, name: `${name}, rows not checked`, values: unchecked };
  if (simdjson !== undefined) yield { ...common, name: `${name}, simdjson`, values: simdjson };
  yield {
    name: `${name}, allocated`,
    unit: 'bytes/message',
    better: 'less',
    values: allocated,
    group: 'allocated',
  };
}

export async function* figures(context: StageContext): AsyncIterable<Figure> {
  const { smoke, seconds, runs } = context;
  const cases = (await Promise.all(BENCH_EXCHANGES.map(loadCases))).flat();
  // one more turn of each case is for the compiler; the rest of the time goes for collections and starting threads
  const ms = smoke ? SMOKE_MS : (seconds * 750) / (cases.length * (runs + 1));
  const trade = Buffer.from(cases[0].message);
  yield* limitsOf(trade, ms, context);
  let simdjson = false;
  for (const exchange of BENCH_EXCHANGES) {
    context.signal.throwIfAborted();
    context.progress(exchange);
    const { cases: results, growth } = await runThread({ exchange, runs, ms }, context.signal);
    for (const result of results) {
      context.input(Buffer.from(result.message));
      simdjson ||= result.simdjson !== undefined;
      yield* figuresOf(exchange, result);
    }
    yield {
      name: `${exchange}, growth of the heap`,
      unit: 'kB per million messages',
      better: 'less',
      values: growth.map((bytes) => bytes * 1000),
      target: { value: GROWTH_BYTES_MAX * 1000 },
      group: 'growth of the heap',
    };
  }
  if (!simdjson) context.note('the optional package simdjson is not compiled: no figures of it');
}
