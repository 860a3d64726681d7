/** The configuration as text, read back by the loader itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'smol-toml';
import { effectiveToml, sampleToml } from '../../src/config/document.js';
import { declaredSections } from '../../src/config/options.js';
import { EXCHANGES, PLUGINS, read } from './fixtures.js';

test('the sample file is valid and says nothing but the defaults, and symbols that fit', () => {
  const { exchanges, ...sample } = read(sampleToml(PLUGINS)).config;
  const { exchanges: defaults, ...rest } = read('').config;
  assert.deepEqual(sample, rest);
  for (const { id, sample_symbols } of EXCHANGES) {
    assert.deepEqual(exchanges[id], { ...defaults[id], symbols: sample_symbols });
  }
});

test('the sample file names every option, and every default is allowed by its own option', () => {
  const tree = parse(sampleToml(PLUGINS));
  for (const { path, options } of declaredSections(PLUGINS)) {
    const section = path.reduce<Record<string, unknown>>(
      (table, name) => table[name] as Record<string, unknown>,
      tree,
    );
    assert.deepEqual(Object.keys(section), Object.keys(options));
    for (const option of Object.values(options)) assert.equal(option.refuses(option.default), undefined);
  }
});

test('the effective values read back as the same configuration', () => {
  const { config, origins } = read('[exchanges.coinbase]\nsymbols = ["A\\"#", "B"]\n', {
    LOGGER__LOGGER__DATA_PATH: 'a "quoted" # path\n',
  });
  const text = effectiveToml(config, origins, PLUGINS);
  assert.deepEqual(read(text).config, config);
  assert.match(text, /^data_path = .* {2}# LOGGER__LOGGER__DATA_PATH$/m);
  assert.match(text, /^port = 9090 +# default$/m);
  assert.match(text, /^symbols = .* {2}# .*\.toml:2$/m);
});
