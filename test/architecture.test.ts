/**
 * The rules that hold the code together, read from the sources: which layer may import which, that nothing imports
 * itself by way of others, what hot files may not say, where synchronous file access and threads are allowed, and how
 * long a file may be.
 */
import assert from 'node:assert/strict';
import { basename, join, sep } from 'node:path';
import { test } from 'node:test';
import { circlesOf, hotCode, isHot, readSources, type Source } from './support/sources.js';

/** Folders of src/ from the lowest layer to the highest; a file imports its own layer and those below. */
const LAYERS: readonly (readonly string[])[] = [
  ['base'],
  ['schema', 'config', 'ring', 'counters', 'symbols', 'server'],
  ['book'],
  ['feed', 'store'],
  ['exchanges', 'delivery'],
  ['sinks', 'supervisor', 'http', 'simulator'],
  ['commands'],
  ['cli.ts'],
];
/** The same within the simulator. */
const SIMULATOR_LAYERS = [['market'], ['server', 'compare'], ['venues'], ['simulator.ts']];

/** Importer and imported that the layers alone would allow. */
const FORBIDDEN: readonly (readonly [string, string])[] = [
  ['feed', 'store'],
  ['store', 'feed'],
  ['supervisor', 'simulator'],
  ['http', 'simulator'],
  ['sinks', 'simulator'],
  ['sinks', 'supervisor'],
  ['sinks', 'http'],
  ['sinks', 'feed'],
  ['sinks', 'exchanges'],
  ['delivery', 'feed'],
  ['delivery', 'exchanges'],
];

/** The bench measures the program from outside; only the command that starts it knows it. */
const BENCH_IMPORTER = join('src', 'commands', 'bench.ts');

/** What an exchange is made of: the contract, what reads messages and what writes rows; no sockets, rings or files. */
const EXCHANGE_IMPORTS = [
  ...['base', 'schema', 'book', 'feed/json', 'feed/rows', 'feed/channels', 'feed/books'].map(
    (path) => `${path}/`,
  ),
  'feed/exchange.ts',
  'feed/requests.ts',
  'feed/continuity/sequence.ts',
].map((path) => join('src', path));
const EXCHANGE_PACKAGES = ['node:crypto'];
const EXCHANGES = join('src', 'exchanges');
/** It finds the exchanges. */
const EXCHANGES_INDEX = join(EXCHANGES, 'index.ts');
const VENUES = join('src', 'simulator', 'venues');

const SYNC_FILES_ALLOWED = [
  ...['store', 'commands', 'simulator', 'config', 'symbols', 'supervisor'],
  // on threads of their own, each with one target
  ...['delivery', 'sinks'],
];
const THREADS_FILE = join('src', 'supervisor', 'threads.ts');
const LINES_MAX = 500;
const HOT_BANNED = ['JSON.parse', 'BigInt', 'new Map', '.subarray(', '.slice('];

const SOURCES = readSources('src');
const ALL_SOURCES = [...SOURCES, ...readSources('workers'), ...readSources('bench')];

/** The rule for each file as one test that lists every offender. */
function rule(name: string, offences: (source: Source) => readonly string[], sources = SOURCES): void {
  test(name, () => assert.deepEqual(sources.flatMap(offences), []));
}

const layerIn = (layers: readonly (readonly string[])[], room: string) =>
  layers.findIndex((rooms) => rooms.includes(room));
const layerOf = (room: string) => layerIn(LAYERS, room);
const simulatorLayerOf = (path: string) => layerIn(SIMULATOR_LAYERS, path.split(sep)[2]);

test('there are sources to check, and every folder belongs to a layer', () => {
  assert.ok(SOURCES.length > 20);
  assert.deepEqual(
    SOURCES.filter(({ room }) => layerOf(room) < 0).map(({ path }) => path),
    [],
  );
});

rule('imports run downwards', ({ path, room, imports }) =>
  imports.flatMap((target) => {
    const [root, targetRoom] = target.split(sep);
    if (root === 'bench' && path === BENCH_IMPORTER) return [];
    if (root !== 'src') return [`${path} imports ${target}, which is outside src`];
    const upwards = layerOf(targetRoom) > layerOf(room);
    const forbidden = FORBIDDEN.some(([from, to]) => from === room && to === targetRoom);
    return upwards || forbidden ? [`${path} imports ${target}`] : [];
  }),
);

rule('imports run downwards within the simulator', ({ path, room, imports }) =>
  room !== 'simulator'
    ? []
    : imports
        .filter((target) => target.startsWith(join('src', 'simulator') + sep))
        .filter((target) => simulatorLayerOf(target) > simulatorLayerOf(path) || simulatorLayerOf(path) < 0)
        .map((target) => `${path} imports ${target}`),
);

test('nothing imports itself by way of others, types included', () => {
  const imports = new Map(ALL_SOURCES.map(({ path, imports }) => [path, imports]));
  assert.deepEqual(circlesOf(imports), []);
});

test('a circle is found, and what only leads to it is no part of it', () => {
  const imports = { a: ['b'], b: ['c'], c: ['b', 'd'], d: ['e'], e: [], f: ['f'] };
  assert.deepEqual(circlesOf(new Map(Object.entries(imports))), [['b', 'c'], ['f']]);
});

/** The company: `coinbase` of src/exchanges/coinbase_advanced.ts, `kraken` of src/simulator/venues/kraken/rest.ts. */
const companyOf = (path: string, folder: string) =>
  path
    .slice(folder.length + 1)
    .replace(/^rest[/\\]/, '')
    .split(/[_./\\]/)[0];

rule('an exchange knows the contract and what rows are made of: no sockets, no other company', (source) => {
  const { path, room, imports, packages } = source;
  if (room !== basename(EXCHANGES) || path === EXCHANGES_INDEX) return [];
  const allowed = (target: string) =>
    target.startsWith(EXCHANGES + sep)
      ? companyOf(target, EXCHANGES) === companyOf(path, EXCHANGES)
      : EXCHANGE_IMPORTS.some((start) => target.startsWith(start));
  return [
    ...imports.filter((target) => !allowed(target)),
    ...packages.filter((name) => !EXCHANGE_PACKAGES.includes(name)),
  ].map((target) => `${path} imports ${target}`);
});

rule(
  'a venue of the simulator knows no other, and nothing of how the logger reads its messages',
  (source) => {
    const { path, imports } = source;
    if (!path.startsWith(VENUES + sep)) return [];
    return imports
      .filter((target) =>
        target.startsWith(VENUES + sep)
          ? companyOf(target, VENUES) !== companyOf(path, VENUES)
          : /^src.(feed|exchanges)\b/.test(target),
      )
      .map((target) => `${path} imports ${target}`);
  },
);

/** A target knows what rows are, not where they come from. */
const SINK_IMPORTS = ['base', 'schema', 'config', 'delivery', 'sinks'];
/** What of the store is behind a sink: the journal and the column files, and never what writes them. */
const DELIVERY_OF_STORE = ['disk', 'journal', 'read'].map((room) => join('src', 'store', room) + sep);

rule('sinks know delivery, and delivery knows how the store is read', ({ path, room, imports }) =>
  imports
    .filter((target) =>
      room === 'sinks'
        ? !SINK_IMPORTS.includes(target.split(sep)[1])
        : room === 'delivery' &&
          target.split(sep)[1] === 'store' &&
          !DELIVERY_OF_STORE.some((start) => target.startsWith(start)),
    )
    .map((target) => `${path} imports ${target}`),
);

rule('a file is read in one sitting', ({ path, text }) => {
  const lines = text.split('\n').length - 1;
  return lines > LINES_MAX ? [`${path} has ${lines} lines`] : [];
});

rule('every file begins with a comment that says what it is for', ({ path, text }) =>
  /^(#![^\n]*\n)?\/(\*\*|\/ )/.test(text) ? [] : [path],
);

rule(
  'hot files allocate nothing by the words that would, but where they say that they are cold',
  ({ path, text }) => {
    if (!isHot(text)) return [];
    const code = hotCode(text);
    return HOT_BANNED.filter((word) => code.includes(word)).map((word) => `${path} contains ${word}`);
  },
  ALL_SOURCES,
);

test('what is cold in a hot file ends where the next declaration begins', () => {
  assert.ok(isHot('/**\n * Rows.\n * HOT: put() runs per row.\n */\n'));
  assert.ok(!isHot('/** Rows. */\n\n/** HOT. */\n'));
  const text = `/** HOT: put(). */
const KINDS = new Map([[1, 2]]);
/** Cold: once. */
function made() {
  return text.slice(1);
}
export class Rows {
  private readonly streams = new Map<number, Row>();

  constructor() {
    this.rows = BigInt(1);
  }

  /** One row. */
  put() {
    JSON.parse(text); // not .slice()
  }

  /** A copy. Cold. */
  copy() {
    return this.rows.subarray(1);
  }
}
`;
  assert.deepEqual(
    HOT_BANNED.filter((word) => hotCode(text).includes(word)),
    ['JSON.parse'],
  );
});

rule('synchronous calls stay where nobody waits for a socket', ({ path, room, code }) => {
  if (SYNC_FILES_ALLOWED.includes(room)) return [];
  // filling bytes with randomness waits for nothing
  return [...code.matchAll(/\b(?!randomFillSync)[a-z]\w*Sync\b/g)].map(([word]) => `${path} uses ${word}`);
});

rule('one file starts threads', ({ path, code }) =>
  code.includes('new Worker(') && path !== THREADS_FILE ? [path] : [],
);
