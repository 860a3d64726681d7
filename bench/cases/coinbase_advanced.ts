/** Messages of Coinbase Advanced Trade that are measured from bytes to rows. */
import type { Case } from '../case.js';

export default [
  {
    name: 'advanced trade',
    symbol: 'BTC-USD',
    message:
      '{"channel":"market_trades","timestamp":"2026-09-27T16:42:07.238434983Z","events":[{"type":"update","trades":[{"product_id":"BTC-USD","trade_id":"#","price":"84451.05","size":"0.0215708","time":"2026-09-27T16:42:07.184962Z","side":"BUY"}]}]}',
  },
  {
    name: 'advanced ticker',
    symbol: 'BTC-USD',
    message:
      '{"channel":"ticker","timestamp":"2026-06-14T05:35:45.435813533Z","events":[{"type":"update","tickers":[{"type":"ticker","product_id":"BTC-USD","price":"64281.7","volume_24_h":"3974.98800786","low_24_h":"63454","high_24_h":"64727.27","low_52_w":"59073.01","high_52_w":"126296","price_percent_chg_24_h":"1.21471769193719","best_bid":"64281.7","best_ask":"64281.71","best_bid_quantity":"0.21558849","best_ask_quantity":"0.02287045"}]}]}',
  },
  {
    name: 'advanced l2_data',
    symbol: 'BTC-USD',
    before:
      '{"channel":"l2_data","timestamp":"2026-08-09T21:05:48.505350477Z","events":[{"type":"snapshot","product_id":"BTC-USD","updates":[{"side":"bid","event_time":"2026-08-09T21:05:48.210883Z","price_level":"65062.5","new_quantity":"0.00583"}]}]}',
    message:
      '{"channel":"l2_data","timestamp":"2026-08-09T21:05:48.505350477Z","events":[{"type":"update","product_id":"BTC-USD","updates":[{"side":"bid","event_time":"2026-08-09T21:05:48.210883Z","price_level":"65062.5","new_quantity":"0.00583"},{"side":"bid","event_time":"2026-08-09T21:05:48.210883Z","price_level":"65061.91","new_quantity":"0"},{"side":"offer","event_time":"2026-08-09T21:05:48.210883Z","price_level":"65084.12","new_quantity":"0.0614901"}]}]}',
  },
  {
    name: 'advanced candle',
    symbol: 'ETH-USD',
    message:
      '{"channel":"candles","timestamp":"2026-08-09T21:05:51.491081826Z","events":[{"type":"update","candles":[{"start":"1786309500","high":"1919.6","low":"1919.27","open":"1919.58","close":"1919.41","volume":"36.36630914","product_id":"ETH-USD"}]}]}',
  },
] satisfies readonly Case[];
