/**
 * The control side of an Upbit connection: a request replaces everything before it, nothing is acknowledged, what is
 * unknown is passed over in silence, an error is followed by the end.
 * Runs in the simulator process; used by protocol.ts.
 */
import type { BookShape } from '../../market/book.js';
import type { Channel, KlineChannel } from '../../market/channels.js';
import type { SymbolMarket } from '../../market/market.js';
import type { Denial } from '../../server/denials.js';
import { parseJson, textsOf, VenueSession } from '../../server/session.js';

export const PATH = '/websocket/v1';
/** Type of each channel of candles that there is. */
export const CANDLE_TYPES: ReadonlyMap<KlineChannel, string> = new Map([
  ['klines_1m', 'candle.1m'],
  ['klines_3m', 'candle.3m'],
  ['klines_5m', 'candle.5m'],
  ['klines_15m', 'candle.15m'],
  ['klines_30m', 'candle.30m'],
  ['klines_1h', 'candle.60m'],
  ['klines_4h', 'candle.240m'],
]);
const CHANNELS = new Map<string, Channel>([
  ['trade', 'trades'],
  ['ticker', 'ticker'],
  ['orderbook', 'book'],
  ...[...CANDLE_TYPES].map(([channel, type]): [string, Channel] => [type, channel]),
]);
const SHAPE: BookShape = { window: 30, whole: true };
const WRONG_FORMAT = '{"error":{"message":"Format 이 맞지 않습니다.","name":"WRONG_FORMAT"}}';
const CLOSE_DELAY_MS = 150;
/** When the first of what a request asked for is sent. */
const SNAPSHOT_DELAY_MS = 10;

type Part = Readonly<Record<string, unknown>>;

export class UpbitSession extends VenueSession {
  #wanted: (readonly [SymbolMarket, Channel])[] = [];
  /** what is sent: the streams of the request before go on until those of the new one begin */
  #served: (readonly [SymbolMarket, Channel])[] = [];
  /** when the next {"status":"UP"} is due; 0 = the client has not asked for any */
  #up_ms = 0;

  override get active(): boolean {
    return this.#wanted.length > 0;
  }

  message(text: string, now_ms: number): void {
    this.heard_ms = now_ms;
    if (text === 'PING') {
      this.#up_ms = now_ms + this.venue.timings.heartbeat_ms;
      return;
    }
    const parts = parseJson(text);
    if (!Array.isArray(parts)) this.#refuse(WRONG_FORMAT);
    else this.#request(parts.filter((part): part is Part => typeof part === 'object' && part !== null));
  }

  #request(parts: readonly Part[]): void {
    const types = parts.filter(({ type }) => type !== undefined);
    const unknown = types.find(
      ({ type }) => !CHANNELS.has(String(type)) || this.#denied(types, type) === 'login',
    );
    if (!parts.some(({ ticket }) => typeof ticket === 'string'))
      this.#refuse('{"error":{"name":"NO_TICKET","message":"티켓이 존재하지 않거나, 유효하지 않습니다."}}');
    else if (types.length === 0)
      this.#refuse('{"error":{"name":"NO_TYPE","message":"타입이 존재하지 않습니다."}}');
    else if (unknown !== undefined)
      this.#refuse(
        `{"error":{"message":"${String(unknown.type)} 은 지원하지 않는 타입입니다.","name":"INVALID_PARAM"}}`,
      );
    else if (types.some(({ codes }) => !Array.isArray(codes) || codes.length === 0))
      this.#refuse('{"error":{"name":"NO_CODES","message":"코드가 존재하지 않습니다."}}');
    else if (types.some(({ type }) => this.#denied(types, type) !== undefined)) this.#refuse(WRONG_FORMAT);
    else this.#replace(types);
  }

  /** Why something that is asked for of this type is refused. */
  #denied(types: readonly Part[], wanted: unknown): Denial | undefined {
    const channel = CHANNELS.get(String(wanted));
    if (channel === undefined) return undefined;
    const codes = types.filter(({ type }) => type === wanted).flatMap((part) => textsOf(part.codes));
    return codes.map((code) => this.venue.denials.of(code, channel)).find((denial) => denial !== undefined);
  }

  #refuse(error: string): void {
    this.link.sendBinary(error);
    this.link.later(CLOSE_DELAY_MS, () => this.link.end(1000, ''));
  }

  #replace(types: readonly Part[]): void {
    const wanted = types.flatMap(({ type, codes }) =>
      (codes as readonly unknown[]).flatMap((code): (readonly [SymbolMarket, Channel])[] => {
        const symbol = this.venue.symbols.get(String(code));
        return symbol === undefined ? [] : [[symbol, CHANNELS.get(String(type)) as Channel]];
      }),
    );
    this.#wanted = wanted;
    this.link.later(SNAPSHOT_DELAY_MS, () => {
      if (this.#wanted !== wanted) return;
      for (const [symbol, channel] of this.#served) this.link.unsubscribe(symbol, channel);
      this.#served = wanted;
      this.link.cork(() => {
        for (const [symbol, channel] of wanted) {
          this.link.subscribe(symbol, channel, channel === 'book' ? SHAPE : undefined);
          if (channel === 'trades' || channel === 'ticker' || channel === 'book')
            this.link.snapshot(symbol, channel, 1);
        }
      });
    });
  }

  override ping(now_ms: number): void {
    this.heard_ms = now_ms;
  }

  override pong(now_ms: number): void {
    this.heard_ms = now_ms;
  }

  tick(now_ms: number): void {
    if (this.#up_ms > 0 && now_ms >= this.#up_ms) {
      this.#up_ms = now_ms + this.venue.timings.heartbeat_ms;
      this.link.sendBinary('{"status":"UP"}');
    }
    // without a close frame
    if (this.isIdle(now_ms, Math.max(this.heard_ms, this.link.sent_ms))) this.link.abort();
  }
}
