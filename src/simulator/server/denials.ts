/**
 * Subscriptions that a simulated exchange refuses, as faults ask for it. The venues' sessions ask here and answer in the
 * words of their exchange. Runs in the simulator process.
 */
import type { Channel } from '../market/channels.js';

/** Why a subscription is refused; each exchange has words for those that it knows. */
export const DENIAL_WORDS = ['unknown', 'login', 'anonymous'] as const;
export type DenialWords = (typeof DENIAL_WORDS)[number];
export type Denial = DenialWords | 'streams' | 'connections';

interface Denied {
  readonly symbol: string | undefined;
  readonly channel: Channel | undefined;
  readonly words: DenialWords;
  readonly until_ms: number;
}

export class Denials {
  #denied: Denied[] = [];
  /** most streams of a channel on one connection, and most connections that carry it */
  readonly #streams = new Map<Channel, number>();
  readonly #connections = new Map<Channel, number>();
  #throttled = 0;

  deny(denied: Denied): void {
    this.#denied.push(denied);
  }

  /** Takes back what deny() said of the symbol and channel. */
  allow(symbol: string | undefined, channel: Channel | undefined): void {
    this.#denied = this.#denied.filter((d) => d.symbol !== symbol || d.channel !== channel);
  }

  limitStreams(channel: Channel, count: number): void {
    this.#streams.set(channel, count);
  }

  limitConnections(channel: Channel, count: number): void {
    this.#connections.set(channel, count);
  }

  throttle(requests: number): void {
    this.#throttled = requests;
  }

  /** Whether this request is one too many. */
  throttles(): boolean {
    if (this.#throttled === 0) return false;
    this.#throttled--;
    return true;
  }

  /** `streams`: of the channel on this connection; `connections`: others that carry the channel. */
  of(symbol: string, channel: Channel, now_ms: number, streams = 0, connections = 0): Denial | undefined {
    const denied = this.#denied.find(
      (d) =>
        now_ms < d.until_ms &&
        (d.symbol === undefined || d.symbol === symbol) &&
        (d.channel === undefined || d.channel === channel),
    );
    if (denied !== undefined) return denied.words;
    if (streams >= (this.#streams.get(channel) ?? Number.POSITIVE_INFINITY)) return 'streams';
    const others = this.#connections.get(channel) ?? Number.POSITIVE_INFINITY;
    return streams === 0 && connections >= others ? 'connections' : undefined;
  }
}
