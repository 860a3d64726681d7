/** A progress bar on a terminal's error stream; silent everywhere else. Called by commands with bulk work. */
import type { WriteStream } from 'node:tty';

const BAR_CELLS = 30;
const REDRAW_MS = 100;
const CLEAR_LINE = '\r\x1b[2K';

export class Progress {
  private done = 0;
  private drawnMs = 0;
  private what = '';

  constructor(
    private readonly stream: Pick<WriteStream, 'write' | 'isTTY'>,
    private readonly total: number,
    private readonly unit: string,
  ) {}

  /** Adds finished work, in the unit of `total`. */
  add(amount: number): void {
    this.done += amount;
    this.draw();
  }

  /** Says behind the bar what is done now. */
  doing(what: string): void {
    this.what = what;
    this.draw();
  }

  private draw(): void {
    const now = Date.now();
    if (!this.stream.isTTY || this.total === 0 || now - this.drawnMs < REDRAW_MS) return;
    this.drawnMs = now;
    const share = Math.min(1, this.done / this.total);
    const bar = '#'.repeat(Math.round(share * BAR_CELLS)).padEnd(BAR_CELLS, '.');
    const percent = `${Math.floor(share * 100)}%`.padStart(4);
    this.stream.write(
      `${CLEAR_LINE}[${bar}]${percent}  ${this.done.toLocaleString('en')} of ${this.total.toLocaleString('en')} ${this.unit}  ${this.what}`,
    );
  }

  /** Removes the bar. */
  end(): void {
    if (this.stream.isTTY && this.drawnMs > 0) this.stream.write(CLEAR_LINE);
  }
}
