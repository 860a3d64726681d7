/** Baseline: as ws_json.ts, with the `simdjson` binding in place of `JSON.parse`. */
import { createRequire } from 'node:module';
import { takeTrades } from './json_trades.js';
import { SymbolFiles } from './symbol_files.js';

const { parse } = createRequire(import.meta.url)('simdjson') as { parse: (text: string) => unknown };
takeTrades(parse, new SymbolFiles());
