/** Requests of exchanges that subscribe to several symbols at once, within a limit. Shard threads, cold. */
import type { ControlRequest, Subscription } from './exchange.js';

/** Requests of at most `max` subscriptions, each of one group; `textOf` writes one. Their ids count up from `firstId`. */
export function requestsOf(
  groups: Iterable<readonly Subscription[]>,
  max: number,
  firstId: number,
  textOf: (id: number, covers: readonly Subscription[]) => string,
): ControlRequest[] {
  const requests: ControlRequest[] = [];
  for (const group of groups)
    for (let i = 0; i < group.length; i += max) {
      const id = firstId + requests.length;
      const covers = group.slice(i, i + max);
      requests.push({ id, text: textOf(id, covers), covers });
    }
  return requests;
}

/** The same subscriptions by channel. */
export function byChannel(subscriptions: readonly Subscription[]): ReadonlyMap<string, Subscription[]> {
  const groups = new Map<string, Subscription[]>();
  for (const s of subscriptions) groups.set(s.channel, [...(groups.get(s.channel) ?? []), s]);
  return groups;
}
