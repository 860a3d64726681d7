/**
 * The rules that hold the code together, read from the sources: which layer may import which, what hot files may not
 * say, where synchronous file access and threads are allowed, and how long a file may be.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';
import { test } from 'node:test';

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

/** Importer and imported that the layers alone would allow. */
const FORBIDDEN: readonly (readonly [string, string])[] = [
  ['feed', 'store'],
  ['store', 'feed'],
  ['exchanges', 'ring'],
  ['exchanges', 'store'],
  ['exchanges', 'delivery'],
  ['supervisor', 'simulator'],
  ['http', 'simulator'],
  ['sinks', 'simulator'],
];

/** The bench measures the program from outside; only the command that starts it knows it. */
const BENCH_IMPORTER = join('commands', 'bench.ts');

const SYNC_FILES_ALLOWED = ['store', 'commands', 'simulator', 'config', 'symbols', 'supervisor'];
const THREADS_FILE = join('supervisor', 'threads.ts');
const LINES_MAX = 500;
const HOT_BANNED = ['JSON.parse', 'BigInt', 'new Map', '.subarray(', '.slice('];

interface Source {
  /** path below src/ */
  readonly path: string;
  /** first component of the path */
  readonly room: string;
  readonly text: string;
  /** the text without comments */
  readonly code: string;
  /** paths below src/ of what it imports of ours */
  readonly imports: readonly string[];
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}

function readSource(path: string): Source {
  const text = readFileSync(join('src', path), 'utf8');
  const code = withoutComments(text);
  const imports = [...code.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(([, specifier]) =>
    normalize(join('src', dirname(path), specifier)).replace(/\.js$/, '.ts'),
  );
  return { path, room: path.split(sep)[0], text, code, imports };
}

const SOURCES = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .sort()
  .map(readSource);

/** The rule for each file as one test that lists every offender. */
function rule(name: string, offences: (source: Source) => readonly string[]): void {
  test(name, () => assert.deepEqual(SOURCES.flatMap(offences), []));
}

const layerOf = (room: string) => LAYERS.findIndex((rooms) => rooms.includes(room));

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

rule('a file is read in one sitting', ({ path, text }) => {
  const lines = text.split('\n').length - 1;
  return lines > LINES_MAX ? [`${path} has ${lines} lines`] : [];
});

rule('every file begins with a comment that says what it is for', ({ path, text }) =>
  /^(#![^\n]*\n)?\/(\*\*|\/ )/.test(text) ? [] : [path],
);

rule('hot files allocate nothing by the words that would', ({ path, text, code }) => {
  const firstComment = /^\/\*\*([\s\S]*?)\*\//.exec(text)?.[1] ?? '';
  if (!/^[\s*]*HOT\b/.test(firstComment)) return [];
  return HOT_BANNED.filter((word) => code.includes(word)).map((word) => `${path} contains ${word}`);
});

rule('synchronous calls stay where nobody waits for a socket', ({ path, room, code }) => {
  if (SYNC_FILES_ALLOWED.includes(room)) return [];
  // filling bytes with randomness waits for nothing
  return [...code.matchAll(/\b(?!randomFillSync)[a-z]\w*Sync\b/g)].map(([word]) => `${path} uses ${word}`);
});

rule('one file starts threads', ({ path, code }) =>
  code.includes('new Worker(') && path !== THREADS_FILE ? [path] : [],
);
