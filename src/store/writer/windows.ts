/**
 * How old rows become before they are safe: what a kill costs at that moment. Of each stretch of a second the longest is
 * kept, and shown until the next stretch is over. Writer thread; seen() is HOT, once per ring and turn.
 */
const STRETCH_MS = 1000;

export class LongestAge {
  private current = 0;
  private previous = 0;
  private sinceMs = 0;

  /** Something had this age, in ms. */
  seen(ageMs: number): void {
    if (ageMs > this.current) this.current = ageMs;
  }

  /** The longest age of the last second or two; `now`: monotonic ms. */
  read(now: number): number {
    const longest = Math.max(this.current, this.previous);
    if (now - this.sinceMs >= STRETCH_MS) {
      this.previous = now - this.sinceMs >= 2 * STRETCH_MS ? 0 : this.current;
      this.current = 0;
      this.sinceMs = now;
    }
    return Math.round(longest);
  }
}
