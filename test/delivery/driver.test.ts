/** Drivers of sinks: what is said when one is missing, and that it is the version that is pinned. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadDriver } from '../../src/delivery/driver.js';

test('a driver that is not installed is one line with the command that installs it', async () => {
  await assert.rejects(loadDriver('driver-that-nobody-has', '1.2.3'), {
    code: 'DEPENDENCY_MISSING',
    message:
      'the package driver-that-nobody-has is not installed; install it with: npm install driver-that-nobody-has@1.2.3',
  });
});

test('sinks name the versions of their drivers that package.json pins', () => {
  const { optionalDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
  const files = ['src/sinks', 'src/delivery'].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
  );
  const sources = files.filter((file) => file.endsWith('.ts'));
  const named = sources.flatMap((file) => {
    // a type loads nothing
    const source = readFileSync(file, 'utf8').replaceAll(/^import type .*$|typeof import\('.*?'\)/gm, '');
    return Object.entries<string>(optionalDependencies)
      .filter(([name]) => source.includes(`'${name}'`))
      .map(([name, version]) => [file, name, source.includes(`'${version}'`)]);
  });
  assert.deepEqual(
    new Set(named.map(([, name]) => name)),
    new Set(Object.keys(optionalDependencies).filter((name) => !/^(simdjson$|uWebSockets)/.test(name))),
    'every driver is loaded by somebody',
  );
  assert.deepEqual(
    named.filter(([, , isPinned]) => isPinned !== true),
    [],
  );
});
