/**
 * Entry point of the thread that measures the parser of one exchange: alone in its thread as in a shard, so that what
 * the compiler has learnt from other exchanges does not count. Batches of messages take turns with the same messages
 * through JSON.parse; a run's value is its fastest batch, which leaves out collections (only JSON.parse causes any)
 * and other work of the machine.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { READ_AHEAD_BYTES } from '../src/base/limits.js';
import { loadExchange } from '../src/exchanges/index.js';
import type { Exchange } from '../src/feed/exchange.js';
import { loadSimdjson, parseKeepingText } from '../src/feed/json/document.js';
import { RESULT } from '../src/feed/rows/result.js';
import type { RuleOptions } from '../src/feed/rows/rules.js';
import { TRADES } from '../src/schema/tables.js';
import { DEFAULT_RULES, Harness } from '../test/support/harness.js';
import type { Case } from './case.js';
import { loadCases } from './cases/index.js';

export interface ParseThreadInit {
  readonly exchange: string;
  readonly runs: number;
  /** measuring time of one case in one run */
  readonly ms: number;
}

export interface CaseResult {
  readonly name: string;
  readonly message: string;
  /** of the rows that it becomes */
  readonly table: string;
  /** nanoseconds per message, one per run */
  readonly scan: number[];
  /** the same without the rules that rows have to keep */
  readonly unchecked: number[];
  readonly parse: number[];
  /** of trades only; undefined: the package is not there */
  readonly simdjson?: number[];
  /** bytes per message */
  readonly allocated: number[];
}

export interface ParseThreadResult {
  readonly cases: readonly CaseResult[];
  /** bytes that stayed behind a collection, per message, one per run */
  readonly growth: readonly number[];
}

const FIRST_ID = '1000000000';
const BATCH = 64;
const ALLOCATION_BATCHES = 9;

/** Adds one to the ten digits at `at`, as the next trade has them. */
function countUp(bytes: Uint8Array, at: number): void {
  for (let i = at + FIRST_ID.length - 1; i >= at; i--) {
    if (bytes[i] < 0x39) {
      bytes[i]++;
      return;
    }
    bytes[i] = 0x30;
  }
}

function filled(message: string): string {
  return message
    .replaceAll('#', FIRST_ID)
    .replaceAll('%', String(Number(FIRST_ID) - 1).padStart(FIRST_ID.length, '0'));
}

interface Scanner {
  /** feeds a batch, every message a new one, and empties the ring */
  readonly batch: () => void;
  readonly table: string;
}

function scanner(
  exchange: Exchange,
  { symbol, channels, before, answer, message }: Case,
  rules?: RuleOptions,
): Scanner {
  const harness = new Harness(exchange, [symbol], { channels, rules });
  if (before !== undefined) harness.feed(before);
  if (answer !== undefined) harness.respond(0, parseKeepingText(answer));
  harness.release();
  const text = Buffer.from(filled(message));
  // as in the socket's buffer, where others stand behind it
  const bytes = new Uint8Array(text.length + READ_AHEAD_BYTES);
  bytes.set(text);
  const ids = [...message.matchAll(/[#%]/g)].map(({ index }, i) => index + i * (FIRST_ID.length - 1));
  const feed = () => {
    for (const id of ids) countUp(bytes, id);
    const result = harness.handler.message(bytes, 0, text.length);
    if (result !== RESULT.rows) throw new Error(`${message} gave result ${result}`);
  };
  feed();
  const [{ table }] = harness.takeRows();
  return {
    table,
    batch: () => {
      for (let i = 0; i < BATCH; i++) feed();
      harness.release();
    },
  };
}

/** Feeds the same bytes to a function that takes a text. */
function textBatch(message: string, parse: (text: string) => unknown): () => void {
  const bytes = Buffer.from(filled(message));
  return () => {
    for (let i = 0; i < BATCH; i++) parse(bytes.toString('latin1'));
  };
}

function simdjsonOf(): ((text: string) => unknown) | undefined {
  try {
    return loadSimdjson();
  } catch {
    return undefined;
  }
}

/** Nanoseconds per message of the fastest batch of each, in `ms` of turns, and the number of turns. */
function fastest(batches: readonly (() => void)[], ms: number): { best: number[]; turns: number } {
  const best = batches.map(() => Infinity);
  let turns = 0;
  const end = performance.now() + ms;
  do {
    for (let i = 0; i < batches.length; i++) {
      const started = process.hrtime.bigint();
      batches[i]();
      best[i] = Math.min(best[i], Number(process.hrtime.bigint() - started) / BATCH);
    }
    turns++;
  } while (performance.now() < end);
  return { best, turns };
}

function heapBytes(act: () => void): number {
  const before = process.memoryUsage().heapUsed;
  act();
  return process.memoryUsage().heapUsed - before;
}

/** Bytes that a message leaves for the collector: the median batch, since a collection may run within one. */
function allocatedBytes(batch: () => void): number {
  const grown = Array.from({ length: ALLOCATION_BATCHES }, () => heapBytes(batch) - heapBytes(() => {}));
  grown.sort((a, b) => a - b);
  return Math.max(0, grown[ALLOCATION_BATCHES >> 1] / BATCH);
}

interface Growth {
  bytes: number;
  messages: number;
}

function measure(
  exchange: Exchange,
  test: Case,
  growth: Growth[],
  { runs, ms }: ParseThreadInit,
): CaseResult {
  const { batch, table } = scanner(exchange, test, DEFAULT_RULES);
  const unchecked = scanner(exchange, test).batch;
  const simdjson = table === TRADES.name ? simdjsonOf() : undefined;
  const parsers = simdjson === undefined ? [JSON.parse] : [JSON.parse, simdjson];
  const batches = [batch, unchecked, ...parsers.map((parse) => textBatch(test.message, parse))];
  const values = batches.map((): number[] => []);
  const allocated: number[] = [];
  fastest(batches, ms);
  for (let run = 0; run < runs; run++) {
    gc?.();
    const before = process.memoryUsage().heapUsed;
    const { best, turns } = fastest(batches, ms);
    gc?.();
    growth[run].bytes += process.memoryUsage().heapUsed - before;
    growth[run].messages += turns * BATCH;
    for (let i = 0; i < best.length; i++) values[i].push(best[i]);
    allocated.push(allocatedBytes(batch));
  }
  const [scan, bare, parse, simd] = values;
  const message = filled(test.message);
  return { name: test.name, message, table, scan, unchecked: bare, parse, simdjson: simd, allocated };
}

const init = workerData as ParseThreadInit;
const growth = Array.from({ length: init.runs }, (): Growth => ({ bytes: 0, messages: 0 }));
const cases: CaseResult[] = [];
const exchange = await loadExchange(init.exchange);
for (const test of await loadCases(init.exchange)) cases.push(measure(exchange, test, growth, init));
parentPort?.postMessage({
  cases,
  // what has become less has not grown
  growth: growth.map(({ bytes, messages }) => Math.max(0, bytes / messages)),
} satisfies ParseThreadResult);
