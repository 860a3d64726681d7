// Writes OPTIONS.md, TABLES.md, logger.toml, src/schema/own_columns.ts and the tables in README.md and
// ADD_NEW_EXCHANGE.md from their declarations in src/. Run after a build: `node scripts/generate.mjs`; with --check
// nothing is written and a file that would change is a failure.
import { readFileSync, writeFileSync } from 'node:fs';
import { pluginsOf } from '../dist/src/commands/plugins.js';
import { sampleToml } from '../dist/src/config/document.js';
import { loadExchanges } from '../dist/src/exchanges/index.js';
import { evidenceTable } from './evidence_table.mjs';
import { withTable } from './marked_table.mjs';
import { optionsPage } from './options_page.mjs';
import { ownColumnsFile } from './own_columns.mjs';
import { channelsTable } from './readme_channels.mjs';
import { tablesPage } from './tables_page.mjs';

const root = new URL('../', import.meta.url);
const exchanges = await loadExchanges();
const plugins = await pluginsOf(exchanges);
const FILES = {
  'logger.toml': sampleToml(plugins),
  'OPTIONS.md': optionsPage(plugins),
  'TABLES.md': tablesPage(),
  'src/schema/own_columns.ts': ownColumnsFile(exchanges),
  'README.md': withTable('README.md', current('README.md'), channelsTable(exchanges)),
  'ADD_NEW_EXCHANGE.md': withTable(
    'ADD_NEW_EXCHANGE.md',
    current('ADD_NEW_EXCHANGE.md'),
    evidenceTable(exchanges),
  ),
};

function current(name) {
  try {
    return readFileSync(new URL(name, root), 'utf8');
  } catch {
    return undefined;
  }
}

const check = process.argv.includes('--check');
for (const [name, text] of Object.entries(FILES)) {
  if (current(name) === text) continue;
  if (check) {
    console.error(`${name} differs from its declarations; run: npm run generate`);
    process.exitCode = 1;
  } else {
    writeFileSync(new URL(name, root), text);
    console.log(`${name} written`);
  }
}
