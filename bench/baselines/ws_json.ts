/** Baseline: the `ws` package, `JSON.parse`, and lines appended to a file per symbol. What most people write. */
import { takeTrades } from './json_trades.js';
import { SymbolFiles } from './symbol_files.js';

takeTrades(JSON.parse, new SymbolFiles());
