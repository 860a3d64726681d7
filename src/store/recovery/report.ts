/** A recovery plan in words, for `logger recover`, the log and the quarantine. */
import { groupBy } from '../../base/group_by.js';
import { CASES, type Finding, loses, refuses } from './cases.js';
import type { RecoveryPlan } from './plan.js';

/** Findings of one case, and table-days, that are listed one by one. */
const FINDINGS_MAX = 3;
const TABLE_DAYS_MAX = 20;

/**
 * Findings of a case that are many as one with their number: a power cut may leave thousands of files of another
 * length.
 */
export function condensed(findings: readonly Finding[]): Finding[] {
  return [...groupBy(findings, ({ label }) => label).values()].flatMap((found) => {
    if (found.length <= FINDINGS_MAX) return found;
    const { label, text } = found[0]!;
    const tableDays = new Set(found.flatMap(({ tableDay }) => tableDay ?? [])).size;
    const places = tableDays === 0 ? '' : ` in ${tableDays} table-days`;
    return [{ label, text: `${found.length} times${places}, first: ${text}` }];
  });
}

/** Several lines, without a newline at the end. `verbose`: nothing is summed up. */
export function explain(plan: RecoveryPlan, verbose = false): string {
  const { checkpoint, range, findings, end } = plan;
  const covered =
    checkpoint === undefined ? 'none' : `everything up to block ${checkpoint.sequence} is in the columns`;
  const told = verbose ? findings : condensed(findings);
  const touched = [...plan.tableDays].filter(([, { rows }]) => rows > 0);
  const shown = touched.slice(0, verbose ? touched.length : TABLE_DAYS_MAX);
  const lines = [
    `checkpoint: ${covered}`,
    `journal: ${range.segments.length} segments, ${range.redo.length} with blocks to redo, last block ${end}`,
    '',
    ...told.map(({ label, text }) => `${CASES[label].decision}: ${label} (${CASES[label].doc}): ${text}`),
  ];
  if (touched.length > 0) lines.push('', rowsToWrite(touched));
  for (const [name, { base, rows }] of shown)
    lines.push(`  ${name}: rows ${base.rows} to ${base.rows + rows - 1}`);
  if (touched.length > shown.length) lines.push(`  and ${touched.length - shown.length} more table-days`);
  if (told.length < findings.length || shown.length < touched.length)
    lines.push('', '--verbose tells all of it');
  return [...lines, '', outcome(plan)].join('\n');
}

function rowsToWrite(touched: readonly (readonly [string, { readonly rows: number }])[]): string {
  const rows = touched.reduce((sum, [, each]) => sum + each.rows, 0);
  return `${rows} rows of ${touched.length} table-days to write again, at the place that they had:`;
}

function outcome({ findings, nothing }: RecoveryPlan): string {
  if (findings.some(refuses))
    return 'this cannot be recovered without loss; --accept-loss goes on with what can be explained';
  if (nothing) return 'there is nothing to do';
  return findings.some(loses)
    ? 'everything that the journal holds can be recovered; what it does not explain is kept in quarantine/ and listed in GAPS'
    : 'everything that the journal holds can be recovered';
}
