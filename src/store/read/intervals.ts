/** Sets of 64-bit ids as closed intervals, sorted and apart. Used by verification; BigInt, so not for hot code. */
export interface Interval {
  readonly from: bigint;
  readonly to: bigint;
}

export const minimum = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/** Sorts and joins intervals that overlap or touch; `overlap` counts ids that were in more than one. */
export function union(intervals: readonly Interval[]): { merged: Interval[]; overlap: bigint } {
  const sorted = [...intervals].sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
  const merged: { from: bigint; to: bigint }[] = [];
  let overlap = 0n;
  for (const { from, to } of sorted) {
    const last = merged.at(-1);
    if (last === undefined || from > last.to + 1n) {
      merged.push({ from, to });
      continue;
    }
    if (from <= last.to) overlap += minimum(to, last.to) - from + 1n;
    if (to > last.to) last.to = to;
  }
  return { merged, overlap };
}

/** What lies between the first and the last of merged intervals and in none of them. */
export function gapsBetween(merged: readonly Interval[]): Interval[] {
  return merged.slice(1).map(({ from }, i) => ({ from: merged[i]!.to + 1n, to: from - 1n }));
}

/** The parts of `from` outside `cover`; both merged. */
export function subtract(from: readonly Interval[], cover: readonly Interval[]): Interval[] {
  const left: Interval[] = [];
  let at = 0;
  for (const interval of from) {
    while (at < cover.length && cover[at]!.to < interval.from) at++;
    let start = interval.from;
    for (let i = at; i < cover.length && cover[i]!.from <= interval.to; i++) {
      if (cover[i]!.from > start) left.push({ from: start, to: cover[i]!.from - 1n });
      if (cover[i]!.to >= start) start = cover[i]!.to + 1n;
    }
    if (start <= interval.to) left.push({ from: start, to: interval.to });
  }
  return left;
}

/** What is in both; both merged. */
export function intersect(a: readonly Interval[], b: readonly Interval[]): Interval[] {
  return subtract(a, subtract(a, b));
}

/** How many ids intervals hold. */
export function sizeOf(intervals: readonly Interval[]): bigint {
  return intervals.reduce((sum, { from, to }) => sum + (to - from + 1n), 0n);
}

/** `7` or `7-9 (3)`. */
export function intervalText({ from, to }: Interval): string {
  return from === to ? `${from}` : `${from}-${to} (${to - from + 1n})`;
}
