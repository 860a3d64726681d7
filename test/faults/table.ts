/** The results of fault classes as a page of Markdown. Used by run.ts. */
import type { Outcome } from './rounds.js';

const HEADS = [
  'fault',
  'exchanges',
  'rounds',
  'noticed after, s',
  'data again after, s',
  'trades repaired',
  'trades listed',
  'other rows listed',
  'lost',
  'twice',
] as const;

/** Median and longest, in seconds. */
function seconds(times: readonly number[]): string {
  if (times.length === 0) return '–';
  const sorted = [...times].sort((a, b) => a - b);
  const text = (ms: number) => (ms / 1000).toFixed(1);
  const [median, longest] = [sorted[sorted.length >> 1], sorted[sorted.length - 1]].map(text);
  return median === longest ? median : `${median}, ${longest}`;
}

/** What a class has shown, as a row. */
export function faultRow({ fault, exchanges, ...outcome }: Outcome): string {
  const { noticed, flowing, repaired, listed, others_listed, lost, twice } = outcome;
  const cells = [
    `${fault.name}: ${fault.what}`,
    exchanges.join(', '),
    flowing.length,
    seconds(noticed),
    seconds(flowing),
    ...[repaired, listed, others_listed, lost, twice],
  ];
  return `| ${cells.join(' | ')} |`;
}

/** A row for each class. */
export function faultTable(outcomes: readonly Outcome[]): string {
  const line = `|${HEADS.map((_, i) => (i < 2 ? '---|' : '--:|')).join('')}`;
  return [`| ${HEADS.join(' | ')} |`, line, ...outcomes.map(faultRow)].join('\n');
}

/** The whole page; `when` and `where` say of which run. */
export function faultPage(outcomes: readonly Outcome[], where: string): string {
  const rounds = outcomes.reduce((sum, { flowing }) => sum + flowing.length, 0);
  return `# Faults

<!-- Written by \`npm run test:faults -- --write\`; do not edit. -->

What happens to a capture when networks and exchanges fail, as seen from outside: in the log, in \`/health\`, in the files,
and in the ledger of the simulator. ${outcomes.length} kinds of fault, ${rounds} rounds, ${where}.

- *noticed after*: from the beginning of the fault to the first warning, row of GAPS or state of \`/health\` that is not
  healthy; – where nothing is amiss. The median, and the longest where it is another.
- *data again after*: from the end of the fault until every symbol has sent a trade again; of a fault that does not
  interrupt anything, the longest pause between two trades.
- *repaired*: fetched over REST and flagged. *listed*: not on disk, and in GAPS. What has no history, such as order books
  and tickers, can only be listed.
- *lost*: neither on disk nor in GAPS. *twice*: on disk more than once. Both have to be 0.

${faultTable(outcomes)}
`;
}
