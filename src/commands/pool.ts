/** Runs named tasks of workers/task.ts, on a pool of threads when that pays. Called by commands with bulk work. */
import { setImmediate } from 'node:timers/promises';
import { Piscina } from 'piscina';

/** How the tasks are run: on `threads` pool threads, or one after the other here when that is 1. */
export interface TaskRun<Request, Result> {
  readonly name: string;
  readonly requests: readonly Request[];
  readonly threads: number;
  /** the same task as a function, for running it here */
  readonly inline: (request: Request) => Promise<Result>;
  /** called after each task, in the order in which they end */
  readonly onDone?: (request: Request, result: Result) => void;
}

/** Results in the order of the requests. */
export async function runTasks<Request, Result>(run: TaskRun<Request, Result>): Promise<Result[]> {
  const { name, requests, threads, inline, onDone } = run;
  const results: Result[] = new Array(requests.length);
  if (threads <= 1 || requests.length <= 1) {
    for (const [i, request] of requests.entries()) {
      results[i] = await inline(request);
      onDone?.(request, results[i]!);
      await setImmediate();
    }
    return results;
  }
  const count = Math.min(threads, requests.length);
  const pool = new Piscina<Request, Result>({
    filename: new URL('../../workers/task.js', import.meta.url).href,
    minThreads: count,
    maxThreads: count,
  });
  try {
    let next = 0;
    const lane = async (): Promise<void> => {
      for (let i = next++; i < requests.length; i = next++) {
        results[i] = await pool.run(requests[i]!, { name });
        onDone?.(requests[i]!, results[i]!);
      }
    };
    await Promise.all(Array.from({ length: count }, lane));
    return results;
  } finally {
    await pool.destroy();
  }
}
