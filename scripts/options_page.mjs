// OPTIONS.md from the declarations of options, health rules and counters in src/. Used by generate.mjs.

import { declaredSections, envName, RELATIONS } from '../dist/src/config/options.js';
import { COUNTER_BLOCKS } from '../dist/src/counters/declarations.js';
import { HEALTH_RULES } from '../dist/src/supervisor/health_rules.js';

const cell = (text) => text.replaceAll('|', '\\|');
const code = (value) => `\`${value}\``;
const value = (x) => code(JSON.stringify(x).replaceAll(',', ', '));

function sectionTable({ path, options }) {
  return [
    '| key | default | allowed | change | meaning |',
    '|---|---|---|---|---|',
    ...Object.entries(options).map(
      ([name, option]) =>
        `| ${code(name)} | ${value(option.default)} | ${cell(option.allowed)} | ${option.applies} | ${cell(option.doc)} |`,
    ),
    '',
    `Environment: ${code(envName(path, Object.keys(options)[0]))} and so on.`,
  ];
}

/** What the sinks of a type can be told, whatever their name. */
function sinkSection(plugins, kind) {
  const section = declaredSections(plugins, new Map([['<name>', kind]])).at(-1);
  const heading = `## [sinks.<name>] with type = ${JSON.stringify(kind.type)}`;
  return ['', heading, '', section.doc, '', ...sectionTable(section)];
}

function healthSection() {
  return [
    '## Health',
    '',
    'What `GET /health` answers is not set by options but fixed. `unhealthy` comes with status 503, everything else with',
    '200; `reasons` names each rule that is met, `warnings` what needs to be looked at while capture is well.',
    '',
    '| status | when |',
    '|---|---|',
    ...HEALTH_RULES.map(({ status, doc }) => `| ${status} | ${cell(doc)} |`),
  ];
}

const COUNTED = { exchange: 'counters.exchanges.<id>', process: 'counters.process' };

function counterSection() {
  const intro = [
    '## Counters',
    '',
    'What `GET /health` shows in `counters`, since the start of the process. A counter only grows, a gauge is a state. Of',
    'several connections or threads it shows the sum, for those marked *max* the largest.',
  ];
  const blocks = Object.entries(COUNTER_BLOCKS).flatMap(([name, { of, specs, doc }]) => [
    '',
    `### ${code(`${COUNTED[of]}.${name}`)}: ${doc}`,
    '',
    '| name | kind | unit | meaning |',
    '|---|---|---|---|',
    ...Object.entries(specs).map(([counter, spec]) => {
      const kind = spec.together === 'max' ? `${spec.kind}, max` : spec.kind;
      return `| ${code(counter)} | ${kind} | ${spec.unit} | ${cell(spec.doc)} |`;
    }),
  ]);
  return [...intro, ...blocks];
}

/** The whole page. */
export function optionsPage(plugins) {
  const lines = [
    '# Options',
    '',
    '<!-- Generated from src/{config/options,supervisor/health_rules,counters/declarations}.ts by `npm run generate`; do not edit. -->',
    '',
    'The configuration is one TOML file, `logger.toml` in the working directory unless `--config` names another.',
    '`logger check-config --print-default > logger.toml` makes one with every default and its meaning,',
    '`logger check-config` validates it and shows every value in force with its origin.',
    '',
    '- A key that is left out has its default. An unknown key, a wrong type or a value out of range is an error that',
    '  names file, line, key and what is allowed; all of them are reported together, with exit status 2.',
    '- Any option can be set by an environment variable `LOGGER__SECTION__KEY`, which wins over the file. Its value is',
    '  a TOML value (`9191`, `true`, `["BTC-USD"]`); text needs no quotes. A dash in a section name becomes `_`. An',
    '  unknown variable that begins with `LOGGER__` is an error.',
    '- `LOGGER_SERVER` is no option of the file: `uws` insists on uWebSockets.js for HTTP and the simulator, `node` takes',
    '  `node:http` and `ws`. Without it the first is taken where its binary loads, and the log says so where it does not.',
    '- Relative paths start at the working directory of the process, not at the folder of the configuration file.',
    '- *change* says when a changed value takes effect: `reload` when the running logger is asked to read its',
    '  configuration again, `restart` at its next start.',
  ];
  for (const section of declaredSections(plugins)) {
    lines.push('', `## [${section.path.join('.')}]`, '', section.doc, '', ...sectionTable(section));
  }
  lines.push(...plugins.sinks.flatMap((kind) => sinkSection(plugins, kind)));
  lines.push(
    '',
    '## Rules between options',
    '',
    ...RELATIONS.map(({ key, rule }) => `- \`${key}\` ${rule}.`),
  );
  lines.push(
    '- The symbols of an exchange must fit into `max_connections` × `symbols_per_connection`; more are refused at start,',
    '  never cut.',
  );
  lines.push('', ...healthSection(), '', ...counterSection());
  return `${lines.join('\n')}\n`;
}
