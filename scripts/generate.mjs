// Writes OPTIONS.md, TABLES.md and logger.toml from the declarations in src/config and src/schema. Run after a
// build: `node scripts/generate.mjs`; with --check nothing is written and a file that would change is a failure.
import { readFileSync, writeFileSync } from 'node:fs';
import { exchangeDefaults } from '../dist/src/commands/exchanges.js';
import { sampleToml } from '../dist/src/config/document.js';
import { loadExchanges } from '../dist/src/exchanges/index.js';
import { optionsPage } from './options-page.mjs';
import { tablesPage } from './tables-page.mjs';

const defaults = exchangeDefaults(await loadExchanges());
const FILES = {
  'logger.toml': sampleToml(defaults),
  'OPTIONS.md': optionsPage(defaults),
  'TABLES.md': tablesPage(),
};

function current(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

const root = new URL('../', import.meta.url);
const check = process.argv.includes('--check');
for (const [name, text] of Object.entries(FILES)) {
  const file = new URL(name, root);
  if (current(file) === text) continue;
  if (check) {
    console.error(`${name} differs from its declarations; run: npm run generate`);
    process.exitCode = 1;
  } else {
    writeFileSync(file, text);
    console.log(`${name} written`);
  }
}
