/** Baseline: the `ws` package, `JSON.parse`, and lines appended to a file per symbol. What most people write. */
import { appendTrades } from './append.js';

appendTrades(JSON.parse);
