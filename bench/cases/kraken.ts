/** Messages of Kraken that are measured from bytes to rows. */
import type { Case } from '../case.js';

export default [
  {
    name: 'kraken trade',
    symbol: 'BTC/USD',
    message:
      '{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":83744.3,"qty":0.00044780,"ord_type":"limit","trade_id":#,"timestamp":"2026-09-25T17:48:26.844359Z"}]}',
  },
  {
    name: 'kraken ticker',
    symbol: 'BTC/USD',
    message:
      '{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":83744.2,"bid_qty":0.56251979,"ask":83744.3,"ask_qty":0.00044780,"last":83744.3,"volume":3156.84782110,"vwap":84174.6,"low":83163.6,"high":85247.4,"change":-429.3,"change_pct":-0.51,"trades":135262,"timestamp":"2026-09-25T17:48:26.844359Z"}]}',
  },
  {
    name: 'kraken bbo',
    symbol: 'BTC/USD',
    channels: ['bbo'],
    message:
      '{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":83744.2,"bid_qty":0.56251979,"ask":83744.3,"ask_qty":0.00044780,"last":83744.3,"volume":3156.84782110,"vwap":84174.6,"low":83163.6,"high":85247.4,"change":-429.3,"change_pct":-0.51,"trades":135262,"timestamp":"2026-09-25T17:48:26.844359Z"}]}',
  },
  {
    name: 'kraken book change',
    symbol: 'BTC/USD',
    before:
      '{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"price":63004.9,"qty":0.01876947},{"price":63003.6,"qty":0.38876947},{"price":63002.3,"qty":0.75876947},{"price":63001.0,"qty":1.12876947},{"price":62999.7,"qty":1.49876947},{"price":62998.4,"qty":1.86876947},{"price":62997.1,"qty":2.23876947},{"price":62995.8,"qty":2.60876947},{"price":62994.5,"qty":2.97876947},{"price":62993.2,"qty":3.34876947}],"asks":[{"price":63005.0,"qty":0.55006860},{"price":63005.9,"qty":0.76006860},{"price":63006.8,"qty":0.97006860},{"price":63007.7,"qty":1.18006860},{"price":63008.6,"qty":1.39006860},{"price":63009.5,"qty":1.60006860},{"price":63010.4,"qty":1.81006860},{"price":63011.3,"qty":2.02006860},{"price":63012.2,"qty":2.23006860},{"price":63013.1,"qty":2.44006860}],"checksum":1400480496,"timestamp":"2026-08-01T02:53:53.646219Z"}]}',
    message:
      '{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":63003.6,"qty":0.38876947}],"asks":[{"price":63005.0,"qty":0.55006860}],"checksum":1400480496,"timestamp":"2026-08-01T02:53:54.966086Z"}]}',
  },
  {
    name: 'kraken book snapshot',
    symbol: 'BTC/USD',
    message:
      '{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"price":63004.9,"qty":0.01876947},{"price":63003.6,"qty":0.38876947},{"price":63002.3,"qty":0.75876947},{"price":63001.0,"qty":1.12876947},{"price":62999.7,"qty":1.49876947},{"price":62998.4,"qty":1.86876947},{"price":62997.1,"qty":2.23876947},{"price":62995.8,"qty":2.60876947},{"price":62994.5,"qty":2.97876947},{"price":62993.2,"qty":3.34876947}],"asks":[{"price":63005.0,"qty":0.55006860},{"price":63005.9,"qty":0.76006860},{"price":63006.8,"qty":0.97006860},{"price":63007.7,"qty":1.18006860},{"price":63008.6,"qty":1.39006860},{"price":63009.5,"qty":1.60006860},{"price":63010.4,"qty":1.81006860},{"price":63011.3,"qty":2.02006860},{"price":63012.2,"qty":2.23006860},{"price":63013.1,"qty":2.44006860}],"checksum":1400480496,"timestamp":"2026-08-01T02:53:53.646219Z"}]}',
  },
  {
    name: 'kraken ohlc',
    symbol: 'BTC/USD',
    message:
      '{"channel":"ohlc","type":"update","timestamp":"2026-09-25T17:48:26.844359566Z","data":[{"symbol":"BTC/USD","open":83729.5,"high":83745.2,"low":83729.4,"close":83744.3,"trades":33,"volume":0.21155628,"vwap":83736.4,"interval_begin":"2026-09-25T17:48:00.000000000Z","interval":1,"timestamp":"2026-09-25T17:49:00.000000Z"}]}',
  },
] satisfies readonly Case[];
