/** Baseline: as ws_json.ts, with the `simdjson` binding in place of `JSON.parse`. */
import { createRequire } from 'node:module';
import { appendTrades } from './append.js';

const { parse } = createRequire(import.meta.url)('simdjson') as { parse: (text: string) => unknown };
appendTrades(parse);
