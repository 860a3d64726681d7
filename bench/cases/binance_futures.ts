/** Messages of Binance USD-M futures that are measured from bytes to rows. */
import type { Case } from '../case.js';

export default [
  {
    name: 'futures depth',
    symbol: 'SUSHIUSDT',
    before:
      '{"stream":"sushiusdt@depth@100ms","data":{"e":"depthUpdate","E":1626992741037,"T":1626992741024,"s":"SUSHIUSDT","U":1,"u":1,"pu":0,"b":[],"a":[["1","1"]]}}',
    answer: '{"lastUpdateId":11000000000,"bids":[["1","1"]],"asks":[]}',
    message:
      '{"stream":"sushiusdt@depth@100ms","data":{"e":"depthUpdate","E":1626992741037,"T":1626992741024,"s":"SUSHIUSDT","U":600859599090,"u":1#,"pu":1%,"b":[["7.5040","813"],["7.6090","0"],["7.6110","2"]],"a":[["7.6150","1563"],["7.6220","3284"]]}}',
  },
] satisfies readonly Case[];
