/** The command line of a program among the tests: every option is declared once, with its default and what it is for. */
import { parseArgs } from 'node:util';
import { messageOf } from '../../src/base/errors.js';

interface Option {
  readonly doc: string;
  /** as it would be given; a boolean for an option without a value, undefined for one that is left out by default */
  readonly default: string | boolean | undefined;
  /** what stands for its value in the help */
  readonly value?: string;
}
type Options = Readonly<Record<string, Option>>;
type Values<O extends Options> = {
  readonly [K in keyof O]: O[K]['default'] extends boolean
    ? boolean
    : O[K]['default'] extends string
      ? string
      : string | undefined;
};

function helpOf(usage: string, options: Options): string {
  const names = Object.entries(options).map(([name, { value, default: preset }]) =>
    typeof preset === 'boolean' ? `--${name}` : `--${name} <${value ?? 'n'}>`,
  );
  const width = Math.max(...names.map((name) => name.length));
  const lines = Object.values(options).map(({ doc, default: preset }, i) => {
    const shown = typeof preset === 'string' && preset !== '' ? ` (${preset})` : '';
    return `  ${names[i].padEnd(width)}  ${doc}${shown}`;
  });
  return [`usage: ${usage}`, ...lines, ''].join('\n');
}

/** What was asked for. Prints the help and ends the process with `--help`, and with status 2 for what it does not know. */
export function programOptions<const O extends Options>(usage: string, options: O): Values<O> {
  const types = Object.entries(options).map(([name, { default: preset }]) => [
    name,
    typeof preset === 'boolean' ? { type: 'boolean', default: preset } : { type: 'string', default: preset },
  ]);
  try {
    const parsed = parseArgs({ options: { ...Object.fromEntries(types), help: { type: 'boolean' } } });
    const values = parsed.values as Record<string, string | boolean | undefined>;
    if (values.help !== true) return values as Values<O>;
    process.stdout.write(helpOf(usage, options));
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n${helpOf(usage, options)}`);
    process.exit(2);
  }
}
