/** Messages of OKX spot that are measured from bytes to rows. */
import type { Case } from '../case.js';

export default [
  {
    name: 'okx trade',
    symbol: 'BTC-USDT',
    message:
      '{"arg":{"channel":"trades-all","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"#","px":"83772.6","sz":"0.0000178","side":"buy","source":"0","ts":"1790358565298"}]}',
  },
  {
    name: 'okx aggregate',
    symbol: 'BTC-USDT',
    message:
      '{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"#","px":"83772.6","sz":"0.0000178","side":"buy","ts":"1790358565298","count":"1","source":"1","seqId":81625379835}]}',
  },
  {
    name: 'okx ticker',
    symbol: 'BTC-USDT',
    message:
      '{"arg":{"channel":"tickers","instId":"BTC-USDT"},"data":[{"instType":"SPOT","instId":"BTC-USDT","last":"83766.8","lastSz":"0.0000102","askPx":"83774.2","askSz":"0.25697131","bidPx":"83774.1","bidSz":"0.65302934","open24h":"84180.1","high24h":"85258.8","low24h":"83174.7","sodUtc0":"84409.9","sodUtc8":"83800","volCcy24h":"458903124.056360828","vol24h":"5449.95415651","ts":"1790358564077"}]}',
  },
  {
    name: 'okx best quotes',
    symbol: 'BTC-USDT',
    message:
      '{"arg":{"channel":"bbo-tbt","instId":"BTC-USDT"},"data":[{"asks":[["111.06","55154","0","2"]],"bids":[["111.05","57745","0","2"]],"ts":"1670324386802","seqId":363996337}]}',
  },
  {
    name: 'okx book change',
    symbol: 'BTC-USDT',
    before:
      '{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"snapshot","data":[{"asks":[["120.67","90.475897","0","6"]],"bids":[["120.66","28.448458","0","3"]],"ts":"1790394877200","checksum":0,"seqId":32032594283,"prevSeqId":-1}]}',
    message:
      '{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[{"asks":[["120.7","0.25697130","0","6"],["120.8","0.25697131","0","6"],["120.9","0.25697132","0","6"],["121.0","0.25697133","0","6"],["121.1","0.25697134","0","6"],["121.2","0.25697135","0","6"]],"bids":[["120.6","0.25697130","0","6"],["120.5","0.25697131","0","6"],["120.4","0.25697132","0","6"],["120.3","0.25697133","0","6"],["120.2","0.25697134","0","6"],["120.1","0.25697135","0","6"]],"ts":"1790394877300","checksum":0,"seqId":32032594283,"prevSeqId":32032594283}]}',
  },
  {
    name: 'okx candle',
    symbol: 'BTC-USDT',
    message:
      '{"arg":{"channel":"candle1m","instId":"BTC-USDT"},"data":[["1786538760000","64040.2","64040.2","64025.7","64033.5","2.16787395","138825.265446816","138825.265446816","0"]]}',
  },
] satisfies readonly Case[];
