/** Messages of Upbit that are measured from bytes to rows. */
import type { Case } from '../case.js';

export default [
  {
    name: 'upbit trade',
    symbol: 'KRW-BTC',
    message:
      '{"type":"trade","code":"KRW-BTC","timestamp":1786613091500,"trade_date":"2026-08-13","trade_time":"09:24:51","trade_timestamp":1786613091449,"trade_price":89888000,"trade_volume":0.00005673,"ask_bid":"BID","prev_closing_price":89642000,"change":"RISE","change_price":246000,"sequential_id":1786613#,"best_ask_price":89888000,"best_ask_size":0.18718963,"best_bid_price":89886000,"best_bid_size":0.0421604,"stream_type":"REALTIME"}',
  },
  {
    name: 'upbit ticker',
    symbol: 'KRW-BTC',
    message:
      '{"type":"ticker","code":"KRW-BTC","opening_price":89642000,"high_price":90230000,"low_price":89338000,"trade_price":89887000,"prev_closing_price":89642000,"acc_trade_price":22607930042.18143,"change":"RISE","change_price":245000,"signed_change_price":245000,"change_rate":0.0027330939,"signed_change_rate":0.0027330939,"ask_bid":"ASK","trade_volume":0.00194588,"acc_trade_volume":251.93910252,"trade_date":"20260813","trade_time":"092431","trade_timestamp":1786613071880,"acc_ask_volume":110.92963484,"acc_bid_volume":141.00946768,"highest_52_week_price":179869000,"highest_52_week_date":"2025-10-09","lowest_52_week_price":88770000,"lowest_52_week_date":"2026-07-01","market_state":"ACTIVE","is_trading_suspended":false,"delisting_date":null,"market_warning":"NONE","timestamp":1786613071943,"acc_trade_price_24h":51158711929.01375,"acc_trade_volume_24h":569.49951948,"stream_type":"REALTIME"}',
  },
  {
    name: 'upbit book',
    symbol: 'KRW-BTC',
    message:
      '{"type":"orderbook","code":"KRW-BTC","timestamp":1790134742106,"total_ask_size":2.51469375,"total_bid_size":1.63815297,"orderbook_units":[{"ask_price":1.16511E8,"bid_price":1.16499E8,"ask_size":0.02054711,"bid_size":0.08120911},{"ask_price":1.16512E8,"bid_price":1.16498E8,"ask_size":0.02054712,"bid_size":0.08120912},{"ask_price":1.16513E8,"bid_price":1.16497E8,"ask_size":0.02054713,"bid_size":0.08120913},{"ask_price":1.16514E8,"bid_price":1.16496E8,"ask_size":0.02054714,"bid_size":0.08120914},{"ask_price":1.16515E8,"bid_price":1.16495E8,"ask_size":0.02054715,"bid_size":0.08120915},{"ask_price":1.16516E8,"bid_price":1.16494E8,"ask_size":0.02054716,"bid_size":0.08120916},{"ask_price":1.16517E8,"bid_price":1.16493E8,"ask_size":0.02054717,"bid_size":0.08120917},{"ask_price":1.16518E8,"bid_price":1.16492E8,"ask_size":0.02054718,"bid_size":0.08120918}],"stream_type":"REALTIME","level":0}',
  },
  {
    name: 'upbit candle',
    symbol: 'KRW-BTC',
    message:
      '{"type":"candle.1m","code":"KRW-BTC","candle_date_time_utc":"2026-01-02T04:28:00","candle_date_time_kst":"2026-01-02T13:28:00","opening_price":142009000.00000000,"high_price":142009000.00000000,"low_price":142009000.00000000,"trade_price":142009000.00000000,"candle_acc_trade_volume":0.00606119,"candle_acc_trade_price":860743.5307100000000000,"timestamp":1767328085824,"stream_type":"REALTIME"}',
  },
] satisfies readonly Case[];
