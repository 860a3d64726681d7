/**
 * The messages that the benchmark's server sends, by exchange and channel, as texts with places: `<id>` ten digits,
 * `<time>` as the exchange writes it, `<price>` and `<size>`. Everything but the places is fixed when a frame is made.
 * Texts and key orders are those of the simulator and of recorded traffic. Runs in the server's process.
 */
import type { Listing } from '../../src/simulator/market/catalogue.js';
import type { Channel } from '../../src/simulator/market/channels.js';
import { decimalText } from '../../src/simulator/server/protocol.js';

/** How an exchange writes a time: milliseconds since 1970, or ISO 8601 with microseconds. */
export type TimeForm = 'ms' | 'iso';

export interface Template {
  readonly time: TimeForm;
  /** the frame is binary */
  readonly binary?: boolean;
  /** decimals that prices and sizes are filled up to with zeros */
  readonly decimals?: number;
  text(listing: Listing, sold: boolean): string;
  /** the text within its envelope, for connections that have asked for one */
  envelope?(listing: Listing, text: string): string;
}

const ORDER_IDS =
  '"maker_order_id":"f07e510f-4edf-469d-b844-4f670f1e93f1","taker_order_id":"e6f50944-3e2a-439e-ae49-308300ba8296"';
const side = (sold: boolean, sell: string, buy: string) => (sold ? sell : buy);

/** `{"stream":"btcusdt@trade","data":{…}}` */
const binance = (kind: string, text: Template['text']): Template => ({
  time: 'ms',
  decimals: 8,
  text,
  envelope: ({ name }, data) => `{"stream":"${name.toLowerCase()}@${kind}","data":${data}}`,
});

export const TEMPLATES: Readonly<Record<string, Partial<Record<Channel, Template>>>> = {
  binance: {
    trades: binance(
      'trade',
      ({ name }, sold) =>
        `{"e":"trade","E":<time>,"s":"${name}","t":<id>,"p":"<price>","q":"<size>","T":<time>,"m":${sold},"M":true}`,
    ),
    bbo: binance(
      'bookTicker',
      ({ name }) => `{"u":<id>,"s":"${name}","b":"<price>","B":"<size>","a":"<price>","A":"31.21000000"}`,
    ),
    ticker: binance(
      'ticker',
      ({ name }) =>
        `{"e":"24hrTicker","E":<time>,"s":"${name}","p":"-94.99999800","P":"-95.960","w":"0.29628482","x":"0.10000000","c":"<price>","Q":"<size>","b":"<price>","B":"4.00000000","a":"<price>","A":"100.00000000","o":"99.00000000","h":"100.00000000","l":"0.10000000","v":"8913.30000000","q":"15.30000000","O":<time>,"C":<time>,"F":0,"L":<id>,"n":18151}`,
    ),
  },
  coinbase: {
    trades: {
      time: 'iso',
      text: ({ name }, sold) =>
        `{"type":"match","trade_id":<id>,${ORDER_IDS},"side":"${side(sold, 'sell', 'buy')}","size":"<size>","price":"<price>","product_id":"${name}","sequence":134905860111,"time":"<time>"}`,
    },
    ticker: {
      time: 'iso',
      text: ({ name }, sold) =>
        `{"type":"ticker","sequence":135437581854,"product_id":"${name}","price":"<price>","open_24h":"78609.92","volume_24h":"7336.73471395","low_24h":"76366.12","high_24h":"78635.01","volume_30d":"209162.21626191","best_bid":"<price>","best_bid_size":"0.00009686","best_ask":"<price>","best_ask_size":"0.04350000","side":"${side(sold, 'sell', 'buy')}","time":"<time>","trade_id":<id>,"last_size":"<size>"}`,
    },
  },
  bybit: {
    trades: {
      time: 'ms',
      text: ({ name }, sold) =>
        `{"topic":"publicTrade.${name}","ts":<time>,"type":"snapshot","data":[{"i":"229<id>","T":<time>,"p":"<price>","v":"<size>","S":"${side(sold, 'Sell', 'Buy')}","seq":113508069853,"s":"${name}","BT":false,"RPI":false}]}`,
    },
  },
  okx: {
    trades: {
      time: 'ms',
      text: ({ name }, sold) =>
        `{"arg":{"channel":"trades-all","instId":"${name}"},"data":[{"instId":"${name}","tradeId":"<id>","px":"<price>","sz":"<size>","side":"${side(sold, 'sell', 'buy')}","source":"0","ts":"<time>"}]}`,
    },
  },
  upbit: {
    trades: {
      time: 'ms',
      binary: true,
      text: ({ name }, sold) =>
        `{"type":"trade","code":"${name}","timestamp":<time>,"trade_date":"2026-08-13","trade_time":"09:24:51","trade_timestamp":<time>,"trade_price":<price>,"trade_volume":<size>,"ask_bid":"${side(sold, 'ASK', 'BID')}","prev_closing_price":89642000,"change":"RISE","change_price":246000,"sequential_id":178661<id>,"best_ask_price":89888000,"best_ask_size":0.18718963,"best_bid_price":89886000,"best_bid_size":0.0421604,"stream_type":"REALTIME"}`,
    },
  },
};

/** A number of which some digits, in one piece, change from message to message. */
export interface Varied {
  readonly text: string;
  /** place of the first of these digits in the text */
  readonly at: number;
  /** 2 or 4 */
  readonly digits: number;
  /** decimals of the last of them */
  readonly scale: number;
}

/** `<whole>.<fraction>` of which the last `digits` decimals within `scale` change. */
function varied(whole: string, fraction: string, digits: number, decimals: number): Varied {
  const scale = fraction.length;
  const text = `${whole}.${fraction.padEnd(decimals, '0')}`;
  return { text, at: whole.length + 1 + scale - digits, digits, scale };
}

/** A price of the symbol's size; its last two decimals change. */
export function priceOf({ price_ticks, price_scale }: Listing, { decimals = 0 }: Template): Varied {
  const [whole, fraction = ''] = decimalText(price_ticks, price_scale).split('.');
  return varied(whole, fraction.padEnd(2, '0'), 2, decimals);
}

/** A size below 1, so that sums of millions of them are exact in units of 10^-8. */
export function sizeOf({ size_scale }: Listing, { decimals = 0 }: Template): Varied {
  const scale = Math.min(Math.max(size_scale, 2), 8);
  return varied('0', '0'.repeat(scale), scale < 4 ? 2 : 4, decimals);
}
