/** The exchanges of Coinbase that can be simulated: Coinbase Exchange and Advanced Trade. */
import { coinbaseAdvanced } from './advanced.js';
import { coinbase } from './exchange.js';

export default [coinbase, coinbaseAdvanced];
