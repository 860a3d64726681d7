/**
 * Reads logger.toml, applies environment variables, validates against the declarations and returns a frozen
 * configuration. Called by the commands and by the supervisor on reload; synchronous, a few milliseconds.
 *
 * Nothing is guessed and nothing is ignored: every unknown or refused key is a line of its own, and all of them are
 * reported together.
 */
import { readFileSync } from 'node:fs';
import { didYouMean } from '../base/did_you_mean.js';
import { LoggerError, messageOf } from '../base/errors.js';
import type { Option } from './kinds.js';
import {
  type Config,
  type DeclaredSection,
  declaredSections,
  envName,
  type Plugins,
  RELATIONS,
} from './options.js';
import { findSinks, SINKS } from './sinks.js';
import { isTree, keyLines, parseToml, parseTomlValue, type Tree } from './toml.js';

const ENV_PREFIX = 'LOGGER__';

/** Where a value comes from: `default`, `logger.toml:12` or `LOGGER__HTTP__PORT`. */
export type Origins = ReadonlyMap<string, string>;

export type Environment = Readonly<Record<string, string | undefined>>;

/** State of one load: what was found so far. */
class Loading {
  readonly values = new Map<string, unknown>();
  readonly origins = new Map<string, string>();
  readonly problems: string[] = [];
  /** every option by its full key */
  readonly options = new Map<string, Option<unknown>>();
  /** full key by environment variable */
  readonly variables = new Map<string, string>();
  /** every section and everything above one, e.g. `exchanges` and `exchanges.coinbase` */
  readonly tables = new Set<string>();
  /** all of these and every option */
  private readonly known: readonly string[];

  constructor(
    sections: readonly DeclaredSection[],
    /** by key: why a section cannot be read */
    readonly unreadable: ReadonlyMap<string, string> = new Map(),
  ) {
    for (const { path, options } of sections) {
      path.forEach((_, i) => {
        this.tables.add(path.slice(0, i + 1).join('.'));
      });
      for (const [name, option] of Object.entries(options)) {
        const key = [...path, name].join('.');
        this.options.set(key, option);
        this.variables.set(envName(path, name), key);
        this.values.set(key, option.default);
        this.origins.set(key, 'default');
      }
    }
    this.tables.add(SINKS);
    this.known = [...this.tables, ...this.options.keys()];
  }

  /** Takes a value if its option allows it, else notes the problem. */
  set(key: string, value: unknown, origin: string): void {
    const option = this.options.get(key)!;
    const reason = option.refuses(value);
    if (reason === undefined) {
      this.values.set(key, value);
      this.origins.set(key, origin);
    } else {
      this.problems.push(`${origin}: ${key} must be ${option.allowed}; ${reason}`);
    }
  }

  /** What to write instead of a key that does not exist: the same name elsewhere, a similar one here, or all. */
  suggestion(key: string): string {
    const parent = key.slice(0, key.lastIndexOf('.') + 1);
    const name = key.slice(parent.length);
    const { known } = this;
    const elsewhere = known.find((other) => other.endsWith(`.${name}`));
    if (elsewhere !== undefined) return `did you mean ${elsewhere}?`;
    const here = known
      .filter((other) => other.startsWith(parent) && !other.includes('.', parent.length))
      .map((other) => other.slice(parent.length));
    const similar = didYouMean(name, here);
    return similar === undefined ? `known are ${here.join(', ')}` : `did you mean ${parent}${similar}?`;
  }
}

function applyFile(
  loading: Loading,
  tree: Tree,
  prefix: string,
  file: string,
  lines: Map<string, number>,
): void {
  for (const [name, value] of Object.entries(tree)) {
    const key = prefix === '' ? name : `${prefix}.${name}`;
    const place = `${file}:${lines.get(key)}`;
    // a quoted name with a dot in it is no path
    const literal = name.includes('.');
    const unreadable = loading.unreadable.get(key);
    if (unreadable !== undefined) loading.problems.push(`${place}: ${unreadable}`);
    else if (loading.options.has(key) && !literal) {
      loading.set(key, value, place);
    } else if (!loading.tables.has(key) || literal) {
      const what = isTree(value) ? `section [${key}]` : `key ${key}`;
      loading.problems.push(`${place}: unknown ${what}; ${loading.suggestion(key)}`);
    } else if (isTree(value)) {
      applyFile(loading, value, key, file, lines);
    } else {
      loading.problems.push(`${place}: ${key} must be a section, written [${key}]`);
    }
  }
}

/** A variable holds a TOML value; where that is refused and the bare text is allowed, the bare text counts. */
function applyEnvironment(loading: Loading, env: Environment): void {
  for (const variable of Object.keys(env).sort()) {
    const source = env[variable];
    if (!variable.startsWith(ENV_PREFIX) || source === undefined) continue;
    const key = loading.variables.get(variable);
    if (key === undefined) {
      const meant = didYouMean(variable, [...loading.variables.keys()]);
      const hint = meant === undefined ? 'OPTIONS.md lists every variable' : `did you mean ${meant}?`;
      loading.problems.push(`${variable}: unknown environment variable; ${hint}`);
      continue;
    }
    const parsed = parseTomlValue(source);
    const option = loading.options.get(key)!;
    const bare = parsed === undefined || (option.refuses(parsed) && option.refuses(source) === undefined);
    loading.set(key, bare ? source : parsed, variable);
  }
}

/** A variable of Node that makes TLS accept any certificate: a stray one must not decide whom the data comes from. */
function refuseUncheckedTls(loading: Loading, env: Environment): void {
  if (env['NODE_TLS_REJECT_UNAUTHORIZED'] !== '0') return;
  loading.problems.push(
    'NODE_TLS_REJECT_UNAUTHORIZED: must not be 0, as it switches the checks of certificates off; unset it, and trust a certificate authority of your own with websocket.ca_file',
  );
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}

/** The frozen object; the declarations give its type, so the one cast here holds by construction. */
function build(loading: Loading): Config {
  const config: Record<string, unknown> = { exchanges: {}, sinks: {} };
  for (const [key, value] of loading.values) {
    const path = key.split('.');
    const name = path.pop()!;
    let table = config;
    for (const step of path) table = (table[step] ??= {}) as Record<string, unknown>;
    table[name] = structuredClone(value);
  }
  return deepFreeze(config) as unknown as Config;
}

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new LoggerError(
      'CONFIG_INVALID',
      missing
        ? `${path}: no such file; make one with: logger check-config --print-default > ${path}`
        : `${path}: cannot be read: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/**
 * Reads the configuration with the origin of every value; without a path, that of the defaults and the environment.
 * Throws CONFIG_INVALID with all problems, one a line.
 */
export function readConfig(
  path: string | undefined,
  plugins: Plugins,
  env: Environment = process.env,
): { readonly config: Config; readonly origins: Origins } {
  const source = path === undefined ? '' : readFile(path);
  const tree = parseToml(source, path ?? '');
  const { kinds, problems } = findSinks(tree, plugins);
  const unreadable = new Map([...problems].map(([name, problem]) => [`${SINKS}.${name}`, problem]));
  const loading = new Loading(declaredSections(plugins, kinds), unreadable);
  applyFile(loading, tree, '', path ?? '', keyLines(source));
  applyEnvironment(loading, env);
  refuseUncheckedTls(loading, env);
  const config = build(loading);
  for (const { key, rule, holds } of RELATIONS) {
    if (!holds(config)) {
      loading.problems.push(`${loading.origins.get(key)}: ${key} ${rule}; it is ${loading.values.get(key)}`);
    }
  }
  if (loading.problems.length > 0) throw new LoggerError('CONFIG_INVALID', loading.problems.join('\n'));
  return { config, origins: loading.origins };
}

/** Reads the configuration: defaults, then the file, then `LOGGER__SECTION__KEY` variables. Deeply frozen. */
export function loadConfig(
  path: string | undefined,
  plugins: Plugins,
  env: Environment = process.env,
): Config {
  return readConfig(path, plugins, env).config;
}
