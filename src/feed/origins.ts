/**
 * Of which streams a message is that could not be read, as far as it says so: only of these something may be missing.
 * Shard threads; cold.
 */
import type { Exchange, Origin } from './exchange.js';
import { isObject, type JsonValue } from './json/document.js';

/** The streams of these channels and symbols; none when a symbol is not named. */
export function streamsNamed(
  channels: readonly (string | undefined)[],
  natives: readonly (JsonValue | undefined)[],
): Origin[] {
  if (!natives.every((native) => typeof native === 'string' && native !== '')) return [];
  return (natives as string[]).flatMap((native) => channels.map((channel) => ({ native, channel })));
}

/** Every stream that a document names; none when a part of it may be of any. */
export function originsOf(exchange: Exchange, document: JsonValue | undefined): Origin[] {
  const parts = Array.isArray(document) ? document : [document];
  const named = parts.map((part) => (isObject(part) ? exchange.originsOf(part) : []));
  return named.some((origins) => origins.length === 0) ? [] : named.flat();
}
