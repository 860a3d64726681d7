/** A bounded list of what verification found: every problem is counted, the first few of each kind are reported. */

/** What a check is about; the first word of its line. */
export const CHECKS = {
  files: 'column files: present, whole values, equal length',
  checksums: 'the files of a sealed day begin with the bytes that its checksum file says',
  unreadable: 'files can be read',
  flags: 'only bits that have a meaning',
  time: 'nanoseconds below 1e9, event day is the file day unless the clock is suspect, receive time present',
  side: 'sides are 0, 1 or 2',
  state: 'states of instruments have a meaning',
  missing: 'NaN exactly where the flags say that a value is missing',
  digits: 'the f32 is the correctly rounded value of the exact digits',
  sidecar: 'side-car lines can be read and belong to rows with the flag',
  ids: 'trade ids: no duplicate without its flag, no gap that GAPS does not list',
  gaps: 'GAPS rows are well formed',
  journal: 'what the journal and its checkpoint know is in the column files',
  book: 'order books made of their rows have the checksums that the exchange sent, and are not crossed',
} as const;

export type Check = keyof typeof CHECKS;

export interface Problem {
  readonly check: Check;
  readonly text: string;
}

/** Plain data, can be sent between threads. */
export interface ProblemList {
  readonly count: number;
  /** by check, also those that are not reported */
  readonly counts: Readonly<Partial<Record<Check, number>>>;
  readonly told: readonly Problem[];
}

/** Problems reported of each check in one table-day. */
const TOLD_MAX = 20;

export class Problems {
  private readonly told: Problem[] = [];
  private readonly counts: Partial<Record<Check, number>> = {};

  /** Counts a problem; its text is only made while there is room for it. */
  add(check: Check, text: () => string): void {
    const count = (this.counts[check] ?? 0) + 1;
    this.counts[check] = count;
    if (count <= TOLD_MAX) this.told.push({ check, text: text() });
  }

  list(): ProblemList {
    const count = Object.values(this.counts).reduce((sum, n) => sum + n, 0);
    return { count, counts: this.counts, told: this.told };
  }
}

/** Both lists as one. */
export function joined(a: ProblemList, b: ProblemList): ProblemList {
  const counts: Partial<Record<Check, number>> = { ...a.counts };
  for (const [check, count] of Object.entries(b.counts) as [Check, number][])
    counts[check] = (counts[check] ?? 0) + count;
  return { count: a.count + b.count, counts, told: [...a.told, ...b.told] };
}
