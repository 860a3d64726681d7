/**
 * `logger bench`: measures this program on this machine. The only file of src/ that imports the bench, which stands
 * outside of it because it measures the program from outside, with tools that the program itself does without.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { Command, InvalidArgumentError, Option } from 'commander';
import {
  ALL_LOADS,
  CHANGE_COLUMNS,
  type Comparison,
  changeLines,
  compare,
  FIGURE_COLUMNS,
  figureLines,
  noteLines,
  originLines,
  PACED_LOADS,
  pageOf,
  parseReport,
  type Report,
  regressions,
  runBench,
  STAGES,
  secondsOf,
} from '../../bench/index.js';
import { EXIT, LoggerError, messageOf } from '../base/errors.js';
import { examples, exitStatuses } from './common.js';
import { aligned } from './formats.js';
import { Output } from './output.js';
import { Progress } from './progress.js';

interface BenchCommandOptions {
  readonly smoke?: boolean;
  readonly effort: number;
  readonly runs: number;
  readonly loads: readonly string[];
  readonly folder: string;
  /** true: to the standard output */
  readonly json?: string | true;
  readonly compare?: string;
  readonly failOnRegression?: number;
  readonly out?: string;
}

const RUNS = 2;
const SMOKE_RUNS = 2;
/** The stage that --loads is for. */
const LOADED_STAGE = 'paced';

function help(): string {
  const width = Math.max(...STAGES.map(({ name }) => name.length));
  const seconds = (loads: readonly string[], stages = STAGES) => secondsOf(stages, 1, { runs: RUNS, loads });
  const paced = STAGES.filter(({ name }) => name === LOADED_STAGE);
  const minutes = (loads: readonly string[]) => Math.ceil(seconds(loads, paced) / 60);
  const loadWidth = Math.max(...PACED_LOADS.map(({ name }) => name.length));
  return `
Stages (all of them take about ${seconds([])} seconds):
${STAGES.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`).join('\n')}

Loads of stage ${LOADED_STAGE} (--loads; by default one of them, once, about ${minutes([])} minutes):
${PACED_LOADS.map(({ name, summary }) => `  ${name.padEnd(loadWidth)}  ${summary} (${minutes([name])} min)`).join('\n')}
  ${ALL_LOADS.padEnd(loadWidth)}  all of them (${minutes([ALL_LOADS])} min)

Every figure is a median over runs that take turns with those of what it is compared with. The disk that is measured
is the one that --folder lies on. Figures of a machine that does other work meanwhile say little.
${exitStatuses({ ok: 'measured', failed: 'a stage has failed, messages were lost, or --fail-on-regression has found something' })}${examples(
  'logger bench',
  'logger bench parse ring --effort 3',
  'logger bench journal flush --folder /mnt/data',
  'logger bench paced --loads 5000x10,idle --effort 0.5 --runs 1',
  'logger bench --json before.json',
  'logger bench --compare before.json --fail-on-regression 10',
)}`;
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < Infinity)) throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}

function runCount(text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new InvalidArgumentError('It is a number of runs, 1 to 999.');
  return Number(text);
}

function loadList(text: string): string[] {
  const names = text.split(',');
  const known = [...PACED_LOADS.map(({ name }) => name), ALL_LOADS];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new InvalidArgumentError(`There is no load ${unknown}; loads: ${known.join(', ')}.`);
  return names;
}

function stagesOf(names: readonly string[]): typeof STAGES {
  const unknown = names.find((name) => !STAGES.some((stage) => stage.name === name));
  if (unknown !== undefined)
    throw new LoggerError(
      'USAGE',
      `no stage ${unknown}; stages: ${STAGES.map(({ name }) => name).join(', ')}`,
    );
  return names.length === 0 ? STAGES : STAGES.filter(({ name }) => names.includes(name));
}

export function benchCommand(): Command {
  return new Command()
    .argument('[stages...]', 'what to measure (default: everything)')
    .addOption(
      new Option('--effort <factor>', 'times the ordinary measuring time').argParser(positive).default(1),
    )
    .addOption(
      new Option('--runs <n>', 'values of each figure')
        .argParser(runCount)
        .default(RUNS, `${RUNS}, with --smoke ${SMOKE_RUNS}`),
    )
    .addOption(
      new Option('--loads <names>', 'loads of stage paced, see below').argParser(loadList).default([], 'one'),
    )
    .option('--folder <path>', 'where to write; decides which disk is measured', tmpdir())
    .option(
      '--json [file]',
      'write the report as JSON, to the standard output without a file (default: text)',
    )
    .option('--out <folder>', 'write the report as JSON and as a page with charts (default: neither)')
    .option('--compare <file>', 'print what has changed since a report that --json wrote (default: nothing)')
    .addOption(
      new Option(
        '--fail-on-regression <percent>',
        'with --compare: end with status 1 when a figure got worse by more, and beyond the spread (default: never)',
      ).argParser(positive),
    )
    .option('--smoke', 'tiny inputs and a few seconds: whether every stage runs, not how fast')
    .addHelpText('after', help)
    .action(async (names: readonly string[], options: BenchCommandOptions, command: Command) => {
      const runs =
        options.smoke && command.getOptionValueSource('runs') === 'default' ? SMOKE_RUNS : options.runs;
      const good = await runBenchCommand(names, { ...options, runs }, process.stdout, process.stderr);
      if (!good) process.exitCode = EXIT.failed;
    });
}

/** Measures, prints and writes; whether the report is valid and nothing got worse by more than is allowed. */
async function runBenchCommand(
  names: readonly string[],
  options: BenchCommandOptions,
  stream: Writable,
  terminal: ConstructorParameters<typeof Progress>[0],
): Promise<boolean> {
  const stages = stagesOf(names);
  if (STAGES.some(({ name }) => name === options.json))
    throw new LoggerError('USAGE', `--json would write to a file ${options.json}; stages come before it`);
  if (options.failOnRegression !== undefined && options.compare === undefined)
    throw new LoggerError('USAGE', '--fail-on-regression needs --compare');
  if (options.loads.length > 0 && !stages.some(({ name }) => name === LOADED_STAGE))
    throw new LoggerError('USAGE', `--loads is for stage ${LOADED_STAGE}, which is not among the stages`);
  // before minutes of measuring, not after them
  const before = options.compare === undefined ? undefined : readReport(options.compare);
  const report = await measure(stages, options, terminal);
  const comparison = before === undefined ? undefined : compare(before, report);
  if (typeof options.json === 'string') writeFileSync(options.json, jsonOf(report));
  if (options.out !== undefined) writePage(options.out, report);
  const output = new Output(stream);
  output.write(options.json === true ? jsonOf(report) : textOf(report));
  if (comparison !== undefined && options.json !== true) output.write(comparisonText(comparison));
  await output.end();
  const allowed = options.failOnRegression ?? Infinity;
  return report.valid && (comparison === undefined || regressions(comparison, allowed).length === 0);
}

function readReport(path: string): Report {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new LoggerError('USAGE', `${path} cannot be read: ${messageOf(error)}`);
  }
  return parseReport(text, path);
}

const TICK_MS = 1000;

/** Moves the bar second by second, within what each stage is expected to take. */
class StageClock {
  private stage: (typeof STAGES)[number] | undefined;
  /** seconds of this stage that stand in the bar */
  private shown = 0;
  private readonly timer = setInterval(() => this.tick(), TICK_MS);

  constructor(
    private readonly progress: Progress,
    /** what a stage is expected to take */
    private readonly expected: (stage: (typeof STAGES)[number]) => number,
  ) {}

  doing(stage: (typeof STAGES)[number], text: string): void {
    this.stage = stage;
    this.progress.doing(text);
  }

  done(stage: (typeof STAGES)[number]): void {
    this.progress.add(this.expected(stage) - this.shown);
    this.stage = undefined;
    this.shown = 0;
  }

  end(): void {
    clearInterval(this.timer);
  }

  private tick(): void {
    if (this.stage === undefined || this.shown >= this.expected(this.stage)) return;
    this.shown++;
    this.progress.add(1);
  }
}

async function measure(
  stages: typeof STAGES,
  options: BenchCommandOptions,
  terminal: ConstructorParameters<typeof Progress>[0],
): Promise<Report> {
  const { effort, runs, loads, folder, smoke = false } = options;
  const abort = new AbortController();
  const end = () => abort.abort(new LoggerError('ENDED_EARLY', 'ended before everything was measured'));
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.once(signal, end);
  const seconds = (some: typeof STAGES) => secondsOf(some, effort, { runs, loads });
  const progress = new Progress(terminal, seconds(stages), 'seconds');
  const clock = new StageClock(progress, (stage) => seconds([stage]));
  try {
    return await runBench({
      stages,
      smoke,
      effort,
      runs,
      loads,
      folder,
      signal: abort.signal,
      doing: (stage, text) => clock.doing(stage, text),
      done: (stage) => clock.done(stage),
    });
  } finally {
    clock.end();
    progress.end();
    for (const signal of signals) process.off(signal, end);
  }
}

function jsonOf(report: Report): string {
  return `${JSON.stringify(report, undefined, 2)}\n`;
}

function textOf(report: Report): string {
  const notes = noteLines(report);
  return [
    ...originLines(report).map((line) => `${line}\n`),
    '\n',
    aligned(FIGURE_COLUMNS, report.stages.flatMap(figureLines)),
    ...(notes.length === 0 ? [] : ['\n', ...notes.map((note) => `${note}\n`)]),
  ].join('');
}

function comparisonText(comparison: Comparison): string {
  return [
    '\n',
    aligned(CHANGE_COLUMNS, changeLines(comparison)),
    ...comparison.warnings.map((warning) => `\nnote: ${warning}`),
    '\n',
  ].join('');
}

function writePage(folder: string, report: Report): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'report.json'), jsonOf(report));
  for (const { name, text } of pageOf(report)) writeFileSync(join(folder, name), text);
}
