/**
 * One message of every kind of every exchange, for measuring what it costs from bytes to rows in the ring. Other
 * cases of an exchange are added here.
 */

export interface Case {
  readonly name: string;
  readonly exchange: string;
  readonly symbol: string;
  /** of a connection that carries these alone */
  readonly channels?: readonly string[];
  /** what has to come first, e.g. the snapshot that a change belongs to */
  readonly before?: string;
  /** what the REST interface answers to what this makes the parser ask */
  readonly answer?: string;
  /** each `#` stands for an id that grows, `%` for the one before */
  readonly message: string;
}

export const CASES: readonly Case[] = [
  {
    name: 'binance trade',
    exchange: 'binance',
    symbol: 'BTCUSDT',
    message:
      '{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":#,"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}',
  },
  {
    name: 'binance bookTicker',
    exchange: 'binance',
    symbol: 'BTCUSDT',
    message:
      '{"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}}',
  },
  {
    name: 'binance 24hrTicker',
    exchange: 'binance',
    symbol: 'BNBBTC',
    message:
      '{"stream":"bnbbtc@ticker","data":{"e":"24hrTicker","E":1672515782136,"s":"BNBBTC","p":"0.00150000","P":"250.000","w":"0.00180000","x":"0.00090000","c":"0.00250000","Q":"10.00000000","b":"0.00240000","B":"10.00000000","a":"0.00260000","A":"100.00000000","o":"0.00100000","h":"0.00250000","l":"0.00100000","v":"10000.00000000","q":"18.00000000","O":1672515782136,"C":1672515782136,"F":0,"L":18150,"n":18151}}',
  },
  {
    name: 'binance aggTrade',
    exchange: 'binance',
    symbol: 'BTCUSDT',
    message:
      '{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1781416576889,"s":"BTCUSDT","a":#,"p":"64348.95000000","q":"0.00009000","f":6407186253,"l":6407186253,"T":1781416576889,"m":true,"M":true}}',
  },
  {
    name: 'binance depth',
    exchange: 'binance',
    symbol: 'NKNUSDT',
    before:
      '{"stream":"nknusdt@depth@100ms","data":{"e":"depthUpdate","E":1633998512068,"s":"NKNUSDT","U":1,"u":1,"b":[],"a":[["1","1"]]}}',
    answer: '{"lastUpdateId":1000000000,"bids":[["1","1"]],"asks":[]}',
    message:
      '{"stream":"nknusdt@depth@100ms","data":{"e":"depthUpdate","E":1633998512068,"s":"NKNUSDT","U":#,"u":#,"b":[["0.35130000","6195.00000000"],["0.34750000","5548.00000000"],["0.34640000","6222.00000000"]],"a":[]}}',
  },
  {
    name: 'binance depth20',
    exchange: 'binance',
    symbol: 'ETHUSDT',
    message:
      '{"stream":"ethusdt@depth20","data":{"lastUpdateId":17044571457,"bids":[["1782.00000000","6.48300000"],["1781.95000000","0.03000000"],["1781.90000000","0.03000000"],["1781.85000000","0.03000000"],["1781.80000000","0.03000000"]],"asks":[["1782.01000000","15.46080000"],["1782.02000000","0.00780000"],["1782.03000000","0.00780000"],["1782.04000000","0.00780000"],["1782.05000000","0.00780000"]]}}',
  },
  {
    name: 'binance kline',
    exchange: 'binance',
    symbol: 'NKNUSDT',
    message:
      '{"stream":"nknusdt@kline_1m","data":{"e":"kline","E":1633998523963,"s":"NKNUSDT","k":{"t":1633998480000,"T":1633998539999,"s":"NKNUSDT","i":"1m","f":19862761,"L":19862790,"o":"0.35270000","c":"0.35280000","h":"0.35280000","l":"0.35220000","v":"25877.00000000","n":30,"x":false,"q":"9116.04600000","V":"58.00000000","Q":"20.46240000","B":"0"}}}',
  },
  {
    name: 'futures depth',
    exchange: 'binance-futures',
    symbol: 'SUSHIUSDT',
    before:
      '{"stream":"sushiusdt@depth@100ms","data":{"e":"depthUpdate","E":1626992741037,"T":1626992741024,"s":"SUSHIUSDT","U":1,"u":1,"pu":0,"b":[],"a":[["1","1"]]}}',
    answer: '{"lastUpdateId":11000000000,"bids":[["1","1"]],"asks":[]}',
    message:
      '{"stream":"sushiusdt@depth@100ms","data":{"e":"depthUpdate","E":1626992741037,"T":1626992741024,"s":"SUSHIUSDT","U":600859599090,"u":1#,"pu":1%,"b":[["7.5040","813"],["7.6090","0"],["7.6110","2"]],"a":[["7.6150","1563"],["7.6220","3284"]]}}',
  },
  {
    name: 'coinbase match',
    exchange: 'coinbase',
    symbol: 'BTC-USD',
    message:
      '{"type":"match","trade_id":#,"maker_order_id":"f07e510f-4edf-469d-b844-4f670f1e93f1","taker_order_id":"e6f50944-3e2a-439e-ae49-308300ba8296","side":"sell","size":"0.00000001","price":"80691.53","product_id":"BTC-USD","sequence":134905860111,"time":"2026-08-25T03:35:57.198335Z"}',
  },
  {
    name: 'coinbase ticker',
    exchange: 'coinbase',
    symbol: 'BTC-USD',
    message:
      '{"type":"ticker","sequence":135437581854,"product_id":"BTC-USD","price":"77572.87","open_24h":"78609.92","volume_24h":"7336.73471395","low_24h":"76366.12","high_24h":"78635.01","volume_30d":"209162.21626191","best_bid":"77572.87","best_bid_size":"0.00009686","best_ask":"77575.85","best_ask_size":"0.04350000","side":"sell","time":"2026-09-02T07:44:10.104422Z","trade_id":1087540758,"last_size":"0.00000009"}',
  },
  {
    name: 'bybit trade',
    exchange: 'bybit',
    symbol: 'BTCUSDT',
    message:
      '{"topic":"publicTrade.BTCUSDT","ts":1788335009483,"type":"snapshot","data":[{"i":"229000000#","T":1788335009482,"p":"77606.8","v":"0.000712","S":"Buy","seq":113508069853,"s":"BTCUSDT","BT":false,"RPI":false}]}',
  },
  {
    name: 'bybit ticker',
    exchange: 'bybit',
    symbol: 'BTCUSDT',
    message:
      '{"topic":"tickers.BTCUSDT","ts":1786538729776,"type":"snapshot","cs":112571857121,"data":{"symbol":"BTCUSDT","lastPrice":"64057.7","highPrice24h":"64500","lowPrice24h":"63232.1","prevPrice24h":"64326.9","volume24h":"7217.990977","turnover24h":"460629823.77866687","price24hPcnt":"-0.0042","usdIndexPrice":"63989.741059"}}',
  },
  {
    name: 'bybit quotes',
    exchange: 'bybit',
    symbol: 'BTCUSDT',
    message:
      '{"topic":"orderbook.1.BTCUSDT","ts":1786613159749,"type":"snapshot","data":{"s":"BTCUSDT","b":[["63705.3","2.045546"]],"a":[["63705.4","2.334566"]],"u":72212457,"seq":112603120278},"cts":1786613159748}',
  },
  {
    name: 'bybit book',
    exchange: 'bybit',
    symbol: 'BTCUSDT',
    before:
      '{"topic":"orderbook.50.BTCUSDT","ts":1786310816516,"type":"snapshot","data":{"s":"BTCUSDT","b":[["65140.4","0.885797"]],"a":[],"u":1000000000,"seq":112488545864},"cts":1786310816500}',
    message:
      '{"topic":"orderbook.50.BTCUSDT","ts":1786310816618,"type":"delta","data":{"s":"BTCUSDT","b":[["65140.4","0.875077"]],"a":[["65154.6","0.09948"],["65154.7","0.123013"],["65239","0.155135"],["65239.1","0"]],"u":#,"seq":112488545865},"cts":1786310816585}',
  },
  {
    name: 'bybit candle',
    exchange: 'bybit',
    symbol: 'BTCUSDT',
    message:
      '{"type":"snapshot","topic":"kline.1.BTCUSDT","data":[{"start":1786538700000,"end":1786538759999,"interval":"1","open":"64104.5","close":"64096.4","high":"64104.5","low":"64096.4","volume":"1.01673","turnover":"65173.1079222","confirm":false,"timestamp":1786538714563}],"ts":1786538714563}',
  },
  {
    name: 'bybit linear trade',
    exchange: 'bybit-linear',
    symbol: 'BTCUSDT',
    message:
      '{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1786540363844,"data":[{"T":1786540363843,"s":"BTCUSDT","S":"Buy","v":"0.015","p":"63976.10","L":"ZeroPlusTick","i":"e799c7b7-1ccc-53d9-b84a-fb#","BT":false,"RPI":false,"seq":760579112851}]}',
  },
  {
    name: 'bybit linear ticker',
    exchange: 'bybit-linear',
    symbol: 'BTCUSDT',
    before:
      '{"topic":"tickers.BTCUSDT","type":"snapshot","data":{"symbol":"BTCUSDT","lastPrice":"65114.30","volume24h":"17573.9120","bid1Price":"65114.20","bid1Size":"5.954","ask1Price":"65114.30","ask1Size":"10.470"},"cs":753843907769,"ts":1786310817583}',
    message:
      '{"topic":"tickers.BTCUSDT","type":"delta","data":{"symbol":"BTCUSDT","bid1Price":"65114.20","bid1Size":"6.054","ask1Price":"65114.30","ask1Size":"10.486"},"cs":753843907770,"ts":1786310817883}',
  },
  {
    name: 'coinbase l2update',
    exchange: 'coinbase',
    symbol: 'BTC-USD',
    before:
      '{"type":"snapshot","product_id":"BTC-USD","asks":[["80691.53","0.20084671"]],"bids":[["80688.08","0.59153273"]]}',
    message:
      '{"type":"l2update","product_id":"BTC-USD","changes":[["buy","80688.08","0.59153273"],["sell","80745.16","0.20558981"]],"time":"2026-08-25T03:35:57.300000Z"}',
  },
  {
    name: 'advanced trade',
    exchange: 'coinbase-advanced',
    symbol: 'BTC-USD',
    message:
      '{"channel":"market_trades","timestamp":"2026-09-27T16:42:07.238434983Z","events":[{"type":"update","trades":[{"product_id":"BTC-USD","trade_id":"#","price":"84451.05","size":"0.0215708","time":"2026-09-27T16:42:07.184962Z","side":"BUY"}]}]}',
  },
  {
    name: 'advanced ticker',
    exchange: 'coinbase-advanced',
    symbol: 'BTC-USD',
    message:
      '{"channel":"ticker","timestamp":"2026-06-14T05:35:45.435813533Z","events":[{"type":"update","tickers":[{"type":"ticker","product_id":"BTC-USD","price":"64281.7","volume_24_h":"3974.98800786","low_24_h":"63454","high_24_h":"64727.27","low_52_w":"59073.01","high_52_w":"126296","price_percent_chg_24_h":"1.21471769193719","best_bid":"64281.7","best_ask":"64281.71","best_bid_quantity":"0.21558849","best_ask_quantity":"0.02287045"}]}]}',
  },
  {
    name: 'advanced l2_data',
    exchange: 'coinbase-advanced',
    symbol: 'BTC-USD',
    before:
      '{"channel":"l2_data","timestamp":"2026-08-09T21:05:48.505350477Z","events":[{"type":"snapshot","product_id":"BTC-USD","updates":[{"side":"bid","event_time":"2026-08-09T21:05:48.210883Z","price_level":"65062.5","new_quantity":"0.00583"}]}]}',
    message:
      '{"channel":"l2_data","timestamp":"2026-08-09T21:05:48.505350477Z","events":[{"type":"update","product_id":"BTC-USD","updates":[{"side":"bid","event_time":"2026-08-09T21:05:48.210883Z","price_level":"65062.5","new_quantity":"0.00583"},{"side":"bid","event_time":"2026-08-09T21:05:48.210883Z","price_level":"65061.91","new_quantity":"0"},{"side":"offer","event_time":"2026-08-09T21:05:48.210883Z","price_level":"65084.12","new_quantity":"0.0614901"}]}]}',
  },
  {
    name: 'advanced candle',
    exchange: 'coinbase-advanced',
    symbol: 'ETH-USD',
    message:
      '{"channel":"candles","timestamp":"2026-08-09T21:05:51.491081826Z","events":[{"type":"update","candles":[{"start":"1786309500","high":"1919.6","low":"1919.27","open":"1919.58","close":"1919.41","volume":"36.36630914","product_id":"ETH-USD"}]}]}',
  },
  {
    name: 'okx trade',
    exchange: 'okx',
    symbol: 'BTC-USDT',
    message:
      '{"arg":{"channel":"trades-all","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"#","px":"83772.6","sz":"0.0000178","side":"buy","source":"0","ts":"1790358565298"}]}',
  },
  {
    name: 'okx aggregate',
    exchange: 'okx',
    symbol: 'BTC-USDT',
    message:
      '{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"#","px":"83772.6","sz":"0.0000178","side":"buy","ts":"1790358565298","count":"1","source":"1","seqId":81625379835}]}',
  },
  {
    name: 'okx ticker',
    exchange: 'okx',
    symbol: 'BTC-USDT',
    message:
      '{"arg":{"channel":"tickers","instId":"BTC-USDT"},"data":[{"instType":"SPOT","instId":"BTC-USDT","last":"83766.8","lastSz":"0.0000102","askPx":"83774.2","askSz":"0.25697131","bidPx":"83774.1","bidSz":"0.65302934","open24h":"84180.1","high24h":"85258.8","low24h":"83174.7","sodUtc0":"84409.9","sodUtc8":"83800","volCcy24h":"458903124.056360828","vol24h":"5449.95415651","ts":"1790358564077"}]}',
  },
  {
    name: 'okx best quotes',
    exchange: 'okx',
    symbol: 'BTC-USDT',
    message:
      '{"arg":{"channel":"bbo-tbt","instId":"BTC-USDT"},"data":[{"asks":[["111.06","55154","0","2"]],"bids":[["111.05","57745","0","2"]],"ts":"1670324386802","seqId":363996337}]}',
  },
  {
    name: 'okx book change',
    exchange: 'okx',
    symbol: 'BTC-USDT',
    before:
      '{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"snapshot","data":[{"asks":[["120.67","90.475897","0","6"]],"bids":[["120.66","28.448458","0","3"]],"ts":"1790394877200","checksum":0,"seqId":32032594283,"prevSeqId":-1}]}',
    message:
      '{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[{"asks":[["120.7","0.25697130","0","6"],["120.8","0.25697131","0","6"],["120.9","0.25697132","0","6"],["121.0","0.25697133","0","6"],["121.1","0.25697134","0","6"],["121.2","0.25697135","0","6"]],"bids":[["120.6","0.25697130","0","6"],["120.5","0.25697131","0","6"],["120.4","0.25697132","0","6"],["120.3","0.25697133","0","6"],["120.2","0.25697134","0","6"],["120.1","0.25697135","0","6"]],"ts":"1790394877300","checksum":0,"seqId":32032594283,"prevSeqId":32032594283}]}',
  },
  {
    name: 'okx candle',
    exchange: 'okx',
    symbol: 'BTC-USDT',
    message:
      '{"arg":{"channel":"candle1m","instId":"BTC-USDT"},"data":[["1786538760000","64040.2","64040.2","64025.7","64033.5","2.16787395","138825.265446816","138825.265446816","0"]]}',
  },
  {
    name: 'upbit trade',
    exchange: 'upbit',
    symbol: 'KRW-BTC',
    message:
      '{"type":"trade","code":"KRW-BTC","timestamp":1786613091500,"trade_date":"2026-08-13","trade_time":"09:24:51","trade_timestamp":1786613091449,"trade_price":89888000,"trade_volume":0.00005673,"ask_bid":"BID","prev_closing_price":89642000,"change":"RISE","change_price":246000,"sequential_id":1786613#,"best_ask_price":89888000,"best_ask_size":0.18718963,"best_bid_price":89886000,"best_bid_size":0.0421604,"stream_type":"REALTIME"}',
  },
  {
    name: 'upbit ticker',
    exchange: 'upbit',
    symbol: 'KRW-BTC',
    message:
      '{"type":"ticker","code":"KRW-BTC","opening_price":89642000,"high_price":90230000,"low_price":89338000,"trade_price":89887000,"prev_closing_price":89642000,"acc_trade_price":22607930042.18143,"change":"RISE","change_price":245000,"signed_change_price":245000,"change_rate":0.0027330939,"signed_change_rate":0.0027330939,"ask_bid":"ASK","trade_volume":0.00194588,"acc_trade_volume":251.93910252,"trade_date":"20260813","trade_time":"092431","trade_timestamp":1786613071880,"acc_ask_volume":110.92963484,"acc_bid_volume":141.00946768,"highest_52_week_price":179869000,"highest_52_week_date":"2025-10-09","lowest_52_week_price":88770000,"lowest_52_week_date":"2026-07-01","market_state":"ACTIVE","is_trading_suspended":false,"delisting_date":null,"market_warning":"NONE","timestamp":1786613071943,"acc_trade_price_24h":51158711929.01375,"acc_trade_volume_24h":569.49951948,"stream_type":"REALTIME"}',
  },
  {
    name: 'upbit book',
    exchange: 'upbit',
    symbol: 'KRW-BTC',
    message:
      '{"type":"orderbook","code":"KRW-BTC","timestamp":1790134742106,"total_ask_size":2.51469375,"total_bid_size":1.63815297,"orderbook_units":[{"ask_price":1.16511E8,"bid_price":1.16499E8,"ask_size":0.02054711,"bid_size":0.08120911},{"ask_price":1.16512E8,"bid_price":1.16498E8,"ask_size":0.02054712,"bid_size":0.08120912},{"ask_price":1.16513E8,"bid_price":1.16497E8,"ask_size":0.02054713,"bid_size":0.08120913},{"ask_price":1.16514E8,"bid_price":1.16496E8,"ask_size":0.02054714,"bid_size":0.08120914},{"ask_price":1.16515E8,"bid_price":1.16495E8,"ask_size":0.02054715,"bid_size":0.08120915},{"ask_price":1.16516E8,"bid_price":1.16494E8,"ask_size":0.02054716,"bid_size":0.08120916},{"ask_price":1.16517E8,"bid_price":1.16493E8,"ask_size":0.02054717,"bid_size":0.08120917},{"ask_price":1.16518E8,"bid_price":1.16492E8,"ask_size":0.02054718,"bid_size":0.08120918}],"stream_type":"REALTIME","level":0}',
  },
  {
    name: 'upbit candle',
    exchange: 'upbit',
    symbol: 'KRW-BTC',
    message:
      '{"type":"candle.1m","code":"KRW-BTC","candle_date_time_utc":"2026-01-02T04:28:00","candle_date_time_kst":"2026-01-02T13:28:00","opening_price":142009000.00000000,"high_price":142009000.00000000,"low_price":142009000.00000000,"trade_price":142009000.00000000,"candle_acc_trade_volume":0.00606119,"candle_acc_trade_price":860743.5307100000000000,"timestamp":1767328085824,"stream_type":"REALTIME"}',
  },
  {
    name: 'kraken trade',
    exchange: 'kraken',
    symbol: 'BTC/USD',
    message:
      '{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":83744.3,"qty":0.00044780,"ord_type":"limit","trade_id":#,"timestamp":"2026-09-25T17:48:26.844359Z"}]}',
  },
  {
    name: 'kraken ticker',
    exchange: 'kraken',
    symbol: 'BTC/USD',
    message:
      '{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":83744.2,"bid_qty":0.56251979,"ask":83744.3,"ask_qty":0.00044780,"last":83744.3,"volume":3156.84782110,"vwap":84174.6,"low":83163.6,"high":85247.4,"change":-429.3,"change_pct":-0.51,"trades":135262,"timestamp":"2026-09-25T17:48:26.844359Z"}]}',
  },
  {
    name: 'kraken bbo',
    exchange: 'kraken',
    symbol: 'BTC/USD',
    channels: ['bbo'],
    message:
      '{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":83744.2,"bid_qty":0.56251979,"ask":83744.3,"ask_qty":0.00044780,"last":83744.3,"volume":3156.84782110,"vwap":84174.6,"low":83163.6,"high":85247.4,"change":-429.3,"change_pct":-0.51,"trades":135262,"timestamp":"2026-09-25T17:48:26.844359Z"}]}',
  },
  {
    name: 'kraken book change',
    exchange: 'kraken',
    symbol: 'BTC/USD',
    before:
      '{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"price":63004.9,"qty":0.01876947},{"price":63003.6,"qty":0.38876947},{"price":63002.3,"qty":0.75876947},{"price":63001.0,"qty":1.12876947},{"price":62999.7,"qty":1.49876947},{"price":62998.4,"qty":1.86876947},{"price":62997.1,"qty":2.23876947},{"price":62995.8,"qty":2.60876947},{"price":62994.5,"qty":2.97876947},{"price":62993.2,"qty":3.34876947}],"asks":[{"price":63005.0,"qty":0.55006860},{"price":63005.9,"qty":0.76006860},{"price":63006.8,"qty":0.97006860},{"price":63007.7,"qty":1.18006860},{"price":63008.6,"qty":1.39006860},{"price":63009.5,"qty":1.60006860},{"price":63010.4,"qty":1.81006860},{"price":63011.3,"qty":2.02006860},{"price":63012.2,"qty":2.23006860},{"price":63013.1,"qty":2.44006860}],"checksum":1400480496,"timestamp":"2026-08-01T02:53:53.646219Z"}]}',
    message:
      '{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":63003.6,"qty":0.38876947}],"asks":[{"price":63005.0,"qty":0.55006860}],"checksum":1400480496,"timestamp":"2026-08-01T02:53:54.966086Z"}]}',
  },
  {
    name: 'kraken book snapshot',
    exchange: 'kraken',
    symbol: 'BTC/USD',
    message:
      '{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"price":63004.9,"qty":0.01876947},{"price":63003.6,"qty":0.38876947},{"price":63002.3,"qty":0.75876947},{"price":63001.0,"qty":1.12876947},{"price":62999.7,"qty":1.49876947},{"price":62998.4,"qty":1.86876947},{"price":62997.1,"qty":2.23876947},{"price":62995.8,"qty":2.60876947},{"price":62994.5,"qty":2.97876947},{"price":62993.2,"qty":3.34876947}],"asks":[{"price":63005.0,"qty":0.55006860},{"price":63005.9,"qty":0.76006860},{"price":63006.8,"qty":0.97006860},{"price":63007.7,"qty":1.18006860},{"price":63008.6,"qty":1.39006860},{"price":63009.5,"qty":1.60006860},{"price":63010.4,"qty":1.81006860},{"price":63011.3,"qty":2.02006860},{"price":63012.2,"qty":2.23006860},{"price":63013.1,"qty":2.44006860}],"checksum":1400480496,"timestamp":"2026-08-01T02:53:53.646219Z"}]}',
  },
  {
    name: 'kraken ohlc',
    exchange: 'kraken',
    symbol: 'BTC/USD',
    message:
      '{"channel":"ohlc","type":"update","timestamp":"2026-09-25T17:48:26.844359566Z","data":[{"symbol":"BTC/USD","open":83729.5,"high":83745.2,"low":83729.4,"close":83744.3,"trades":33,"volume":0.21155628,"vwap":83736.4,"interval_begin":"2026-09-25T17:48:00.000000000Z","interval":1,"timestamp":"2026-09-25T17:49:00.000000Z"}]}',
  },
];
