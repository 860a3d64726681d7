/** Thread of test/support/power.ts: runs a share of the histories and sends back what went wrong. */
import { parentPort, workerData } from 'node:worker_threads';
import type { PowerReport, Share } from './power.js';
import { runHistory } from './store_history.js';

const { from, to, step } = workerData as Share;
const report: PowerReport = {
  histories: 0,
  rows: 0,
  cuts: 0,
  kills: 0,
  recoveryCuts: 0,
  seals: 0,
  failures: [],
};
for (let seed = from; seed < to; seed += step) {
  const { problem, rows, cuts, kills, recoveryCuts, seals } = runHistory(seed);
  report.histories++;
  report.rows += rows;
  report.cuts += cuts;
  report.kills += kills;
  report.recoveryCuts += recoveryCuts;
  report.seals += seals;
  if (problem !== '') report.failures.push(`seed ${seed}: ${problem}`);
}
parentPort?.postMessage(report);
