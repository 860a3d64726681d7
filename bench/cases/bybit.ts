/** Messages of Bybit spot that are measured from bytes to rows. */
import type { Case } from '../case.js';

export default [
  {
    name: 'bybit trade',
    symbol: 'BTCUSDT',
    message:
      '{"topic":"publicTrade.BTCUSDT","ts":1788335009483,"type":"snapshot","data":[{"i":"229000000#","T":1788335009482,"p":"77606.8","v":"0.000712","S":"Buy","seq":113508069853,"s":"BTCUSDT","BT":false,"RPI":false}]}',
  },
  {
    name: 'bybit ticker',
    symbol: 'BTCUSDT',
    message:
      '{"topic":"tickers.BTCUSDT","ts":1786538729776,"type":"snapshot","cs":112571857121,"data":{"symbol":"BTCUSDT","lastPrice":"64057.7","highPrice24h":"64500","lowPrice24h":"63232.1","prevPrice24h":"64326.9","volume24h":"7217.990977","turnover24h":"460629823.77866687","price24hPcnt":"-0.0042","usdIndexPrice":"63989.741059"}}',
  },
  {
    name: 'bybit quotes',
    symbol: 'BTCUSDT',
    message:
      '{"topic":"orderbook.1.BTCUSDT","ts":1786613159749,"type":"snapshot","data":{"s":"BTCUSDT","b":[["63705.3","2.045546"]],"a":[["63705.4","2.334566"]],"u":72212457,"seq":112603120278},"cts":1786613159748}',
  },
  {
    name: 'bybit book',
    symbol: 'BTCUSDT',
    before:
      '{"topic":"orderbook.50.BTCUSDT","ts":1786310816516,"type":"snapshot","data":{"s":"BTCUSDT","b":[["65140.4","0.885797"]],"a":[],"u":1000000000,"seq":112488545864},"cts":1786310816500}',
    message:
      '{"topic":"orderbook.50.BTCUSDT","ts":1786310816618,"type":"delta","data":{"s":"BTCUSDT","b":[["65140.4","0.875077"]],"a":[["65154.6","0.09948"],["65154.7","0.123013"],["65239","0.155135"],["65239.1","0"]],"u":#,"seq":112488545865},"cts":1786310816585}',
  },
  {
    name: 'bybit candle',
    symbol: 'BTCUSDT',
    message:
      '{"type":"snapshot","topic":"kline.1.BTCUSDT","data":[{"start":1786538700000,"end":1786538759999,"interval":"1","open":"64104.5","close":"64096.4","high":"64104.5","low":"64096.4","volume":"1.01673","turnover":"65173.1079222","confirm":false,"timestamp":1786538714563}],"ts":1786538714563}',
  },
] satisfies readonly Case[];
