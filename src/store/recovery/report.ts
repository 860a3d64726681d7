/** A recovery plan in words, for `logger recover`, the log and the quarantine. */
import { CASES, loses, refuses } from './cases.js';
import type { RecoveryPlan } from './plan.js';

/** Table-days told one by one. */
const TOLD_MAX = 20;

/** Several lines, without a newline at the end. */
export function explain(plan: RecoveryPlan): string {
  const { checkpoint, range, findings, end } = plan;
  const covered =
    checkpoint === undefined ? 'none' : `everything up to block ${checkpoint.sequence} is in the columns`;
  const lines = [
    `checkpoint: ${covered}`,
    `journal: ${range.segments.length} segments, ${range.redo.length} with blocks to redo, last block ${end}`,
    '',
    ...findings.map(({ label, text }) => `${CASES[label].decision}: ${label} (${CASES[label].doc}): ${text}`),
  ];
  const touched = [...plan.tableDays].filter(([, { rows }]) => rows > 0);
  if (touched.length > 0) lines.push('', `rows to write again, at the place that they had:`);
  for (const [name, { base, rows }] of touched.slice(0, TOLD_MAX))
    lines.push(`  ${name}: rows ${base.rows} to ${base.rows + rows - 1}`);
  if (touched.length > TOLD_MAX) lines.push(`  and ${touched.length - TOLD_MAX} more table-days`);
  return [...lines, '', outcomeOf(plan)].join('\n');
}

function outcomeOf({ findings, nothing }: RecoveryPlan): string {
  if (findings.some(refuses))
    return 'this cannot be recovered without loss; --accept-loss goes on with what can be explained';
  if (nothing) return 'there is nothing to do';
  return findings.some(loses)
    ? 'everything that the journal holds can be recovered; what it does not explain is kept in quarantine/ and listed in GAPS'
    : 'everything that the journal holds can be recovered';
}
