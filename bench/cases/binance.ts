/** Messages of Binance spot that are measured from bytes to rows. */
import type { Case } from '../case.js';

export default [
  {
    name: 'binance trade',
    symbol: 'BTCUSDT',
    message:
      '{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":#,"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}',
  },
  {
    name: 'binance bookTicker',
    symbol: 'BTCUSDT',
    message:
      '{"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}}',
  },
  {
    name: 'binance 24hrTicker',
    symbol: 'BNBBTC',
    message:
      '{"stream":"bnbbtc@ticker","data":{"e":"24hrTicker","E":1672515782136,"s":"BNBBTC","p":"0.00150000","P":"250.000","w":"0.00180000","x":"0.00090000","c":"0.00250000","Q":"10.00000000","b":"0.00240000","B":"10.00000000","a":"0.00260000","A":"100.00000000","o":"0.00100000","h":"0.00250000","l":"0.00100000","v":"10000.00000000","q":"18.00000000","O":1672515782136,"C":1672515782136,"F":0,"L":18150,"n":18151}}',
  },
  {
    name: 'binance aggTrade',
    symbol: 'BTCUSDT',
    message:
      '{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1781416576889,"s":"BTCUSDT","a":#,"p":"64348.95000000","q":"0.00009000","f":6407186253,"l":6407186253,"T":1781416576889,"m":true,"M":true}}',
  },
  {
    name: 'binance depth',
    symbol: 'NKNUSDT',
    before:
      '{"stream":"nknusdt@depth@100ms","data":{"e":"depthUpdate","E":1633998512068,"s":"NKNUSDT","U":1,"u":1,"b":[],"a":[["1","1"]]}}',
    answer: '{"lastUpdateId":1000000000,"bids":[["1","1"]],"asks":[]}',
    message:
      '{"stream":"nknusdt@depth@100ms","data":{"e":"depthUpdate","E":1633998512068,"s":"NKNUSDT","U":#,"u":#,"b":[["0.35130000","6195.00000000"],["0.34750000","5548.00000000"],["0.34640000","6222.00000000"]],"a":[]}}',
  },
  {
    name: 'binance depth20',
    symbol: 'ETHUSDT',
    message:
      '{"stream":"ethusdt@depth20","data":{"lastUpdateId":17044571457,"bids":[["1782.00000000","6.48300000"],["1781.95000000","0.03000000"],["1781.90000000","0.03000000"],["1781.85000000","0.03000000"],["1781.80000000","0.03000000"]],"asks":[["1782.01000000","15.46080000"],["1782.02000000","0.00780000"],["1782.03000000","0.00780000"],["1782.04000000","0.00780000"],["1782.05000000","0.00780000"]]}}',
  },
  {
    name: 'binance kline',
    symbol: 'NKNUSDT',
    message:
      '{"stream":"nknusdt@kline_1m","data":{"e":"kline","E":1633998523963,"s":"NKNUSDT","k":{"t":1633998480000,"T":1633998539999,"s":"NKNUSDT","i":"1m","f":19862761,"L":19862790,"o":"0.35270000","c":"0.35280000","h":"0.35280000","l":"0.35220000","v":"25877.00000000","n":30,"x":false,"q":"9116.04600000","V":"58.00000000","Q":"20.46240000","B":"0"}}}',
  },
] satisfies readonly Case[];
