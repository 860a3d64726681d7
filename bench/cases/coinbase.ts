/** Messages of Coinbase Exchange that are measured from bytes to rows. */
import type { Case } from '../case.js';

export default [
  {
    name: 'coinbase match',
    symbol: 'BTC-USD',
    message:
      '{"type":"match","trade_id":#,"maker_order_id":"f07e510f-4edf-469d-b844-4f670f1e93f1","taker_order_id":"e6f50944-3e2a-439e-ae49-308300ba8296","side":"sell","size":"0.00000001","price":"80691.53","product_id":"BTC-USD","sequence":134905860111,"time":"2026-08-25T03:35:57.198335Z"}',
  },
  {
    name: 'coinbase ticker',
    symbol: 'BTC-USD',
    message:
      '{"type":"ticker","sequence":135437581854,"product_id":"BTC-USD","price":"77572.87","open_24h":"78609.92","volume_24h":"7336.73471395","low_24h":"76366.12","high_24h":"78635.01","volume_30d":"209162.21626191","best_bid":"77572.87","best_bid_size":"0.00009686","best_ask":"77575.85","best_ask_size":"0.04350000","side":"sell","time":"2026-09-02T07:44:10.104422Z","trade_id":1087540758,"last_size":"0.00000009"}',
  },
  {
    name: 'coinbase l2update',
    symbol: 'BTC-USD',
    before:
      '{"type":"snapshot","product_id":"BTC-USD","asks":[["80691.53","0.20084671"]],"bids":[["80688.08","0.59153273"]]}',
    message:
      '{"type":"l2update","product_id":"BTC-USD","changes":[["buy","80688.08","0.59153273"],["sell","80745.16","0.20558981"]],"time":"2026-08-25T03:35:57.300000Z"}',
  },
] satisfies readonly Case[];
