/** Messages of Bybit linear contracts that are measured from bytes to rows. */
import type { Case } from '../case.js';

export default [
  {
    name: 'bybit linear trade',
    symbol: 'BTCUSDT',
    message:
      '{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1786540363844,"data":[{"T":1786540363843,"s":"BTCUSDT","S":"Buy","v":"0.015","p":"63976.10","L":"ZeroPlusTick","i":"e799c7b7-1ccc-53d9-b84a-fb#","BT":false,"RPI":false,"seq":760579112851}]}',
  },
  {
    name: 'bybit linear ticker',
    symbol: 'BTCUSDT',
    before:
      '{"topic":"tickers.BTCUSDT","type":"snapshot","data":{"symbol":"BTCUSDT","lastPrice":"65114.30","volume24h":"17573.9120","bid1Price":"65114.20","bid1Size":"5.954","ask1Price":"65114.30","ask1Size":"10.470"},"cs":753843907769,"ts":1786310817583}',
    message:
      '{"topic":"tickers.BTCUSDT","type":"delta","data":{"symbol":"BTCUSDT","bid1Price":"65114.20","bid1Size":"6.054","ask1Price":"65114.30","ask1Size":"10.486"},"cs":753843907770,"ts":1786310817883}',
  },
] satisfies readonly Case[];
