/**
 * The configuration as text: the commented sample file and the effective values with their origin. Both are valid
 * TOML. Used by `check-config` and scripts/generate.mjs.
 */
import { isDeepStrictEqual } from 'node:util';
import { stringify } from 'smol-toml';
import type { Origins } from './load.js';
import { type Config, declaredSections, type Plugins, sinkKinds } from './options.js';
import { SINKS } from './sinks.js';

/** `key = value` */
function assignment(name: string, value: unknown): string {
  return stringify({ [name]: value }).trimEnd();
}

/** The sample logger.toml: every option with its default, its meaning and what is allowed. */
export function sampleToml(plugins: Plugins): string {
  const lines = [
    '# Configuration of the logger. Every line shows the default, but for the ones that say otherwise, so most may be',
    '# left out.',
    '# Any value can be overridden by an environment variable, e.g. LOGGER__HTTP__PORT=9191.',
    '# Check it with: logger check-config',
  ];
  for (const { path, doc, options, samples } of declaredSections(plugins)) {
    lines.push('', `# ${doc}`, `[${path.join('.')}]`);
    for (const [name, option] of Object.entries(options)) {
      lines.push(`# ${option.doc}`, `# Allowed: ${option.allowed}.`);
      if (name in samples && !isDeepStrictEqual(samples[name], option.default))
        lines.push(`# The default is ${assignment(name, option.default)}`);
      lines.push(assignment(name, samples[name] ?? option.default));
    }
  }
  lines.push('', ...sinkSamples(plugins));
  return `${lines.join('\n')}\n`;
}

/** No sink is there by default: a section of each type, to be taken out of its comment. */
function sinkSamples({ sinks }: Plugins): string[] {
  return [
    '# Sinks deliver the rows elsewhere, live. Their names are free, and there may be several of one type; OPTIONS.md has',
    '# everything that they can be told.',
    ...sinks.flatMap(({ type, doc, options }) => [
      `# ${doc}`,
      `# [${SINKS}.${type}]`,
      `# type = ${JSON.stringify(type)}`,
      ...Object.entries(options).map(([name, option]) => `# ${assignment(name, option.default)}`),
    ]),
  ];
}

/** Every value in force, with where it comes from as a comment. */
export function effectiveToml(config: Config, origins: Origins, plugins: Plugins): string {
  const sections = declaredSections(plugins, sinkKinds(config, plugins)).map(({ path, options }) => {
    const values = path.reduce<Readonly<Record<string, unknown>>>(
      (table, name) => table[name] as Readonly<Record<string, unknown>>,
      config,
    );
    const rows = Object.keys(options).map((name) => [
      assignment(name, values[name]),
      origins.get([...path, name].join('.')),
    ]);
    const width = Math.max(...rows.map(([text]) => text!.length).filter((length) => length <= 80));
    return [`[${path.join('.')}]`, ...rows.map(([text, origin]) => `${text!.padEnd(width)}  # ${origin}`)];
  });
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}
