/**
 * Everything that recovery can find, with the one decision for it. `refuse` means: nothing is changed, the process
 * ends with status 78, and only `logger recover --accept-loss` goes on, with the damaged files in the quarantine.
 * Every case has a test of its name.
 */
export const CASES = {
  fresh: { decision: 'go on', doc: 'no checkpoint and no segment: a new data directory' },
  'journal-missing': {
    decision: 'go on',
    doc: 'column files and no journal: none was kept, or it was removed with the rows that only it held',
  },
  clean: { decision: 'go on', doc: 'the checkpoint covers the whole journal: an orderly end' },
  redo: { decision: 'redo', doc: 'blocks behind the checkpoint are written to the columns again' },
  'torn-tail': {
    decision: 'redo',
    doc: 'the journal ends within a block that was never acknowledged: a crash',
  },
  'superseded-tail': { decision: 'redo', doc: 'a segment ends within a block, and the next holds it again' },
  'unborn-segment': {
    decision: 'set aside',
    doc: 'a segment without a whole first block: nothing in it can be read',
  },
  'covered-segment': { decision: 'remove', doc: 'a segment that the checkpoint covers' },
  'covered-damage': { decision: 'go on', doc: 'damage in blocks that the checkpoint covers' },
  'foreign-layout': { decision: 'redo', doc: 'written with other tables; replayed as its own header says' },
  'file-long': {
    decision: 'cut',
    doc: 'a file goes beyond the journal: what stands behind is kept in the quarantine and listed in GAPS',
  },
  'file-foreign': {
    decision: 'set aside',
    doc: 'a link, a folder or a closed file in the place of a file: the table-day begins anew, GAPS lists what it had',
  },
  'losses-damaged': {
    decision: 'set aside',
    doc: 'the note of rows that a recovery has cut off cannot be read: GAPS may not list them',
  },
  'cursor-damaged': {
    decision: 'go on',
    doc: 'a cursor that cannot be read counts as 0: the journal is kept until it is mended or removed',
  },
  'cursor-ahead': {
    decision: 'go on',
    doc: 'a sink is ahead of the journal; numbers go on behind its cursor',
  },
  'checkpoint-missing': {
    decision: 'refuse',
    doc: 'segments without a checkpoint: row counts are not known',
  },
  'checkpoint-damaged': { decision: 'refuse', doc: 'the checkpoint cannot be read' },
  'segment-missing': { decision: 'refuse', doc: 'the segment that the checkpoint names is gone' },
  'head-damaged': { decision: 'refuse', doc: 'blocks in a segment whose first block is damaged' },
  'damaged-block': {
    decision: 'refuse',
    doc: 'a damaged block of which a later one says that it was durable',
  },
  hole: { decision: 'refuse', doc: 'a segment begins behind the end of the one before' },
  'unknown-layout': {
    decision: 'refuse',
    doc: 'written by a version with a format that this one cannot read',
  },
  'unreadable-record': {
    decision: 'refuse',
    doc: 'a whole block holds records that its layout does not allow',
  },
  'base-missing': {
    decision: 'refuse',
    doc: 'rows of a table-day of which the journal does not say where they go',
  },
  'base-disagrees': {
    decision: 'refuse',
    doc: 'a table-day was reopened with another number of rows than it had',
  },
  'file-short': { decision: 'refuse', doc: 'a file holds less than was durable at the checkpoint' },
} as const satisfies Readonly<
  Record<string, { decision: 'go on' | 'redo' | 'cut' | 'set aside' | 'remove' | 'refuse'; doc: string }>
>;

export type CaseLabel = keyof typeof CASES;

/** One thing that was found, where and with which numbers. */
export interface Finding {
  readonly label: CaseLabel;
  readonly text: string;
  /** where it concerns one */
  readonly tableDay?: string;
}

export function refuses(finding: Finding): boolean {
  return CASES[finding.label].decision === 'refuse';
}

/** Whether something goes to the quarantine that may have been of worth. */
export function loses({ label }: Finding): boolean {
  return ['cut', 'set aside'].includes(CASES[label].decision);
}

const WORRYING: readonly CaseLabel[] = ['journal-missing', 'cursor-damaged', 'cursor-ahead'];

/** What an operator should look at, although the process goes on. */
export function worries(finding: Finding): boolean {
  return loses(finding) || WORRYING.includes(finding.label);
}

/** A block that cannot be redone; the log ends before it. */
export class Unexplained extends Error {
  constructor(
    readonly label: CaseLabel,
    message: string,
  ) {
    super(message);
  }
}
