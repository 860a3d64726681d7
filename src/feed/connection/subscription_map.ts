/**
 * Values by channel and symbol, in the order of the symbols. Every stream is looked for once a second, so no text is made
 * of the two to find it by. Shard threads.
 */
import type { Subscription } from '../exchange.js';

export class SubscriptionMap<V> {
  private readonly symbols = new Map<string, Map<string, V>>();
  private count = 0;

  get size(): number {
    return this.count;
  }

  get({ native, channel }: Subscription): V | undefined {
    return this.symbols.get(native)?.get(channel);
  }

  /** Adds what is not there yet. */
  add({ native, channel }: Subscription, value: V): void {
    let channels = this.symbols.get(native);
    if (channels === undefined) this.symbols.set(native, (channels = new Map()));
    channels.set(channel, value);
    this.count++;
  }

  delete({ native, channel }: Subscription): void {
    const channels = this.symbols.get(native);
    if (channels?.delete(channel) !== true) return;
    this.count--;
    if (channels.size === 0) this.symbols.delete(native);
  }

  /** All of them. */
  values(): V[] {
    return [...this.symbols.values()].flatMap((channels) => [...channels.values()]);
  }
}
