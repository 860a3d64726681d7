/** The exchanges of Binance that can be simulated: spot and USD-M futures. */
import { binanceFutures } from './futures.js';
import { binance } from './spot.js';

export default [binance, binanceFutures];
