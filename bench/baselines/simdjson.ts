/** Baseline: as ws_json.ts, with the `simdjson` binding in place of `JSON.parse`. */
import { loadSimdjson } from '../../src/feed/json/document.js';
import { takeTrades } from './json_trades.js';
import { SymbolFiles } from './symbol_files.js';

takeTrades(loadSimdjson(), new SymbolFiles());
