/**
 * A connection on which nothing comes any more although it is up: an exchange may have forgotten all of its
 * subscriptions and go on answering pings. No stream has a sibling then to be judged by, so the connection is judged by
 * its own past, and only one that was never quiet. Where a whole market has stopped, another connection does no harm.
 * Shard threads, once a second.
 */

/** Seconds that have to be known, and the share of them in which something came. */
const LEARNED_SECS = 60;
const BUSY_SHARE = 0.9;
/** It is still when nothing has come for so many seconds, and for so many times its longest pause. */
const STILL_SECS = 30;
const PAUSES = 4;
/** What was learned longer ago counts half. */
const HALF_LIFE_SECS = 3600;
/** Seconds until the next attempt; each takes three times as long as the one before. */
const AGAIN_SECS = 60;
const AGAIN_SECS_MAX = 14_400;

export class Stillness {
  /** seconds, and those in which something came */
  private seconds = 0;
  private moves = 0;
  private longest = 0;
  private pause = 0;
  /** attempts since something came last, and seconds until the next one */
  private attempts = 0;
  private waitSecs = 0;

  /** A second has passed with the connection up; answers whether another one has to be tried. */
  second(moved: boolean): boolean {
    if (!moved) return ++this.pause >= this.limit && this.waitSecs-- <= 0 && this.attempt();
    if (this.attempts === 0) this.learn();
    this.pause = this.attempts = this.waitSecs = 0;
    return false;
  }

  private learn(): void {
    this.seconds += this.pause + 1;
    this.moves++;
    this.longest = Math.max(this.longest, this.pause);
    if (this.seconds < HALF_LIFE_SECS) return;
    this.seconds /= 2;
    this.moves /= 2;
    this.longest /= 2;
  }

  private get limit(): number {
    const { seconds, moves, longest } = this;
    const busy = seconds >= LEARNED_SECS && moves >= seconds * BUSY_SHARE;
    return busy ? Math.max(STILL_SECS, PAUSES * longest) : Number.POSITIVE_INFINITY;
  }

  private attempt(): boolean {
    this.waitSecs = Math.min(AGAIN_SECS_MAX, AGAIN_SECS * 3 ** this.attempts++);
    return true;
  }
}
