/** Short measurements with tinybench, for what takes nanoseconds to milliseconds and needs no other process. */
import { Bench } from 'tinybench';

export interface Micro {
  /** does the work `times` times */
  readonly act: () => void;
  readonly times: number;
  /** what is not measured */
  readonly before?: () => void;
}

/** Median nanoseconds for doing the work once, over `ms` of repetitions. */
export function nanoseconds({ act, times, before }: Micro, ms: number): number {
  const bench = new Bench({ time: ms, warmupTime: ms / 4, throws: true });
  bench.add('act', act, { beforeEach: before, async: false });
  const [{ result }] = bench.runSync();
  if (!('latency' in result)) throw new Error(`tinybench has ended as ${result.state}`);
  return (result.latency.p50 * 1e6) / times;
}
