/**
 * Subscriptions that a simulated exchange refuses, as faults ask for it. The venues' sessions ask here and answer in the
 * words of their exchange. Runs in the simulator process.
 */
import type { Channel } from '../market/channels.js';
import { nowMs } from './clock.js';

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

interface DenialRequest {
  readonly kind: string;
  readonly symbol?: string;
  readonly channel?: Channel;
  readonly words?: DenialWords;
  readonly seconds?: number;
  readonly count?: number;
}

export class Denials {
  #denied: Denied[] = [];
  /** most streams of a channel on one connection, and most connections that carry it */
  readonly #streams = new Map<Channel, number>();
  readonly #connections = new Map<Channel, number>();
  #throttled = 0;

  /** Carries out a fault. */
  take({ kind, symbol, channel, words = 'unknown', seconds, count = 1 }: DenialRequest): void {
    if (kind === 'throttle') this.#throttled = count;
    else if (kind === 'limit-streams' && channel !== undefined) this.#streams.set(channel, count);
    else if (kind === 'limit-connections' && channel !== undefined) this.#connections.set(channel, count);
    else if (kind === 'deny') {
      const until_ms = seconds === undefined ? Number.POSITIVE_INFINITY : nowMs() + seconds * 1000;
      this.#denied.push({ symbol, channel, words, until_ms });
    } else if (kind === 'allow')
      this.#denied = this.#denied.filter((d) => d.symbol !== symbol || d.channel !== channel);
  }

  /** Whether this request is one too many. */
  throttles(): boolean {
    if (this.#throttled === 0) return false;
    this.#throttled--;
    return true;
  }

  /** `streams`: of the channel on this connection; `connections`: others that carry the channel. */
  of(symbol: string, channel: Channel, streams = 0, connections = 0): Denial | undefined {
    const now_ms = nowMs();
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
