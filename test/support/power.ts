/** Runs many histories of store_history.ts on all cores; for the tests and for `npm run test:power`. */
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';

export interface Share {
  readonly from: number;
  readonly to: number;
  readonly step: number;
}

export interface PowerReport {
  histories: number;
  rows: number;
  cuts: number;
  kills: number;
  recoveryCuts: number;
  seals: number;
  /** one line each, beginning with the seed */
  readonly failures: string[];
}

/** Runs the seeds `first` to `first + histories - 1`. */
export async function runHistories(first: number, histories: number): Promise<PowerReport> {
  const step = availableParallelism();
  const shares = Array.from({ length: step }, (_, i) => ({ from: first + i, to: first + histories, step }));
  const reports = await Promise.all(
    shares.map(async (workerData) => {
      const worker = new Worker(new URL('./power_thread.js', import.meta.url), { workerData });
      const [report] = (await once(worker, 'message')) as [PowerReport];
      return report;
    }),
  );
  return reports.reduce((sum, report) => ({
    histories: sum.histories + report.histories,
    rows: sum.rows + report.rows,
    cuts: sum.cuts + report.cuts,
    kills: sum.kills + report.kills,
    recoveryCuts: sum.recoveryCuts + report.recoveryCuts,
    seals: sum.seals + report.seals,
    failures: [...sum.failures, ...report.failures],
  }));
}
