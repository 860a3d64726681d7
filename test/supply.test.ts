/**
 * What comes from others: every package is pinned by its checksum, binaries under another name also by a list of our
 * own, and nothing runs when it is installed. Changing test/native_packages.json means: somebody has looked at them.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

interface Locked {
  readonly name?: string;
  readonly version: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
}

interface Manifest {
  readonly scripts: Readonly<Record<string, string>>;
  readonly allowScripts: Readonly<Record<string, boolean>>;
  readonly [kind: `${string}ependencies`]: Readonly<Record<string, string>>;
}

interface NativePackage {
  readonly package: string;
  readonly published_as: string;
  readonly sha512: string;
  readonly binary: string;
  readonly binary_sha256: string;
}

const readJson = <T>(file: string) => JSON.parse(readFileSync(file, 'utf8')) as T;
const manifest = readJson<Manifest>('package.json');
const natives = readJson<NativePackage[]>('test/native_packages.json');
const { packages } = readJson<{ packages: Record<string, Locked> }>('package-lock.json');
const MODULES = 'node_modules/';
/** Without the project itself, whose path is empty. */
const locked = Object.entries(packages).filter(([path]) => path !== '');

test('every package is pinned by its checksum', () => {
  assert.ok(locked.length > 50);
  for (const [path, { integrity, link }] of locked)
    assert.ok(link === true || /^sha512-[\w+/]{86}==$/.test(integrity ?? ''), path);
});

test('what is installed under another name is native code that the list knows', () => {
  const aliases = Object.entries({ ...manifest.dependencies, ...manifest.optionalDependencies })
    .filter(([, range]) => range.startsWith('npm:'))
    .map(([name, range]) => `${name} ${range.slice('npm:'.length)}`);
  assert.deepEqual(
    aliases,
    natives.map((native) => `${native.package} ${native.published_as}`),
  );
  for (const native of natives) {
    const { name, version, integrity } = packages[MODULES + native.package];
    assert.deepEqual([`${name}@${version}`, integrity], [native.published_as, `sha512-${native.sha512}`]);
  }
});

test('the binaries that are installed are those of the list', () => {
  for (const native of natives) {
    const path = join(MODULES, native.package, native.binary);
    // one is for this Node, or none
    if (!existsSync(path)) continue;
    assert.equal(createHash('sha256').update(readFileSync(path)).digest('hex'), native.binary_sha256, path);
  }
});

test('no package runs anything when it is installed, and what has to be compiled has a script', () => {
  assert.match(readFileSync('.npmrc', 'utf8'), /^ignore-scripts=true$/m);
  const wanting = locked
    .filter(([, entry]) => entry.hasInstallScript)
    .map(([path]) => path.split(MODULES).at(-1));
  assert.deepEqual(Object.keys(manifest.allowScripts).sort(), wanting.sort());
  for (const [name] of Object.entries(manifest.allowScripts).filter(([, allowed]) => allowed))
    assert.equal(manifest.scripts[`build:${name}`], `npm rebuild ${name} --ignore-scripts=false`);
});

test('our own scripts have none before or after them, and signals reach what they start', () => {
  for (const [name, line] of Object.entries(manifest.scripts)) {
    const [, other] = /^(?:pre|post)(.*)$/.exec(name) ?? [];
    assert.ok(other === undefined || !(other in manifest.scripts), `npm skips ${name}`);
    // a shell in between would take SIGTERM for itself and leave the program behind
    assert.ok(!line.includes('&&') || /^npm run --silent build && exec \S/.test(line), `${name}: ${line}`);
  }
});
