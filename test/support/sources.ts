/** The sources as the rules of test/architecture.test.ts see them: what each imports, and what of it is hot. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';

export interface Source {
  /** from the root of the repository: `src/base/errors.ts` */
  readonly path: string;
  /** of a file of src/: the first component below it */
  readonly room: string;
  readonly text: string;
  /** the text without comments */
  readonly code: string;
  /** what it imports of ours, as paths from the root */
  readonly imports: readonly string[];
  /** what it imports of Node and of packages */
  readonly packages: readonly string[];
}

export function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}

export function readSource(path: string): Source {
  const text = readFileSync(path, 'utf8');
  const code = withoutComments(text);
  const found = (pattern: RegExp) => [...code.matchAll(pattern)].map(([, specifier]) => specifier);
  const imports = found(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g).map((specifier) =>
    normalize(join(dirname(path), specifier)).replace(/\.js$/, '.ts'),
  );
  const packages = found(/^(?:import|(?:import|export|\})[^'\n]* from) '([^.'][^']*)';$/gm);
  return { path, room: path.split(sep)[1], text, code, imports, packages };
}

/** All sources below a folder, in the order of their paths. */
export function readSources(folder: string): Source[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .sort()
    .map((path) => readSource(join(folder, path)));
}

/** Whether the first comment of a file calls anything in it HOT. */
export function isHot(text: string): boolean {
  return /\bHOT\b/.test(/^\/\*\*[\s\S]*?\*\//.exec(text)?.[0] ?? '');
}

const COMMENT = /^\s*(\/\*\*|\*)/;
/** Lines at which something declared at the top of a file, or in a class, begins. */
const TOP = /^\w/;
const MEMBER = /^ {2}[\w#*[]/;

/**
 * The code of a hot file without what runs once or hardly ever: constructors, what the comment in front of it calls Cold,
 * and maps that are made with a module or an object.
 */
export function hotCode(text: string): string {
  const kept: string[] = [];
  let [comment, in_class, cold] = ['', false, false];
  for (const line of text.split('\n')) {
    if (COMMENT.test(line)) {
      comment = line.includes('/**') ? line : comment + line;
      continue;
    }
    const top = TOP.test(line);
    const declares = top || (in_class && MEMBER.test(line));
    if (top) in_class = /\bclass\b/.test(line);
    if (declares) cold = /\bCold\b/.test(comment) || /^ {2}constructor\(/.test(line);
    comment = '';
    if (!cold) kept.push(declares ? line.replace('new Map', '') : line);
  }
  return withoutComments(kept.join('\n'));
}

/** Groups of files each of which leads back to itself, types included; files and groups in the order of their paths. */
export function circlesOf(imports: ReadonlyMap<string, readonly string[]>): string[][] {
  const reached = new Map([...imports.keys()].map((path) => [path, reachableFrom(path, imports)]));
  const circles = new Map<string, string[]>();
  for (const [path, targets] of reached) {
    if (!targets.has(path)) continue;
    const circle = [...targets].filter((target) => reached.get(target)?.has(path)).sort();
    circles.set(circle[0], circle);
  }
  return [...circles.values()].sort(([a], [b]) => (a < b ? -1 : 1));
}

function reachableFrom(path: string, imports: ReadonlyMap<string, readonly string[]>): Set<string> {
  const found = new Set<string>();
  const open = [path];
  for (let next = open.pop(); next !== undefined; next = open.pop())
    for (const target of imports.get(next) ?? []) {
      if (found.has(target)) continue;
      found.add(target);
      open.push(target);
    }
  return found;
}
