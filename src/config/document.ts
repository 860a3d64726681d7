/**
 * The configuration as text: the commented sample file and the effective values with their origin. Both are valid
 * TOML. Used by `check-config` and scripts/generate.mjs.
 */
import { isDeepStrictEqual } from 'node:util';
import { stringify } from 'smol-toml';
import type { Origins } from './load.js';
import { type Config, declaredSections, type ExchangeDefaults } from './options.js';

/** `key = value` */
function assignment(name: string, value: unknown): string {
  return stringify({ [name]: value }).trimEnd();
}

/** The sample logger.toml: every option with its default, its meaning and what is allowed. */
export function sampleToml(exchanges: readonly ExchangeDefaults[]): string {
  const lines = [
    '# Configuration of the logger. Every line shows the default, but for the ones that say otherwise, so most may be',
    '# left out.',
    '# Any value can be overridden by an environment variable, e.g. LOGGER__HTTP__PORT=9191.',
    '# Check it with: logger check-config',
  ];
  for (const { path, doc, options, samples } of declaredSections(exchanges)) {
    lines.push('', `# ${doc}`, `[${path.join('.')}]`);
    for (const [name, option] of Object.entries(options)) {
      lines.push(`# ${option.doc}`, `# Allowed: ${option.allowed}.`);
      if (name in samples && !isDeepStrictEqual(samples[name], option.default))
        lines.push(`# The default is ${assignment(name, option.default)}`);
      lines.push(assignment(name, samples[name] ?? option.default));
    }
  }
  return `${lines.join('\n')}\n`;
}

/** Every value in force, with where it comes from as a comment. */
export function effectiveToml(
  config: Config,
  origins: Origins,
  exchanges: readonly ExchangeDefaults[],
): string {
  const sections = declaredSections(exchanges).map(({ path, options }) => {
    const [first, second] = path;
    const values: Readonly<Record<string, unknown>> =
      second === undefined ? config[first as keyof Config] : config.exchanges[second];
    const rows = Object.keys(options).map((name) => [
      assignment(name, values[name]),
      origins.get([...path, name].join('.')),
    ]);
    const width = Math.max(...rows.map(([text]) => text!.length).filter((length) => length <= 80));
    return [`[${path.join('.')}]`, ...rows.map(([text, origin]) => `${text!.padEnd(width)}  # ${origin}`)];
  });
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}
