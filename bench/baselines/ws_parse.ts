/** Baseline: the `ws` package and `JSON.parse`. It stores nothing: the least that a program of this kind can cost. */
import { takeTrades } from './json_trades.js';

takeTrades(JSON.parse, { store: () => {}, close: () => {} });
