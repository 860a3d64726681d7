/** `logger sinks`: how far every sink is, and sends one back. Main thread; works beside a logger that runs. */
import { Command } from 'commander';
import { didYouMean } from '../base/did_you_mean.js';
import { LoggerError } from '../base/errors.js';
import { BEGINNING_FORM, parseBeginning } from '../config/beginning.js';
import type { Config } from '../config/options.js';
import { CursorFiles } from '../delivery/cursor.js';
import { DiskIo } from '../store/disk/io.js';
import { isoDay } from '../store/disk/paths.js';
import { journalFolder } from '../store/journal/start.js';
import type { SinkHealth } from '../supervisor/status.js';
import { configOption, examples, exitStatuses } from './common.js';
import { type ConfigOptions, configOf } from './data_options.js';
import { aligned, type Column } from './formats.js';

interface ListOptions extends ConfigOptions {
  readonly json?: boolean;
}

interface RewindOptions extends ConfigOptions {
  readonly to?: string;
}

/** Health that a logger on this machine does not answer within this time it does not have. */
const HEALTH_MS = 2000;

/** A sink as it is shown; what only a logger that runs knows is null otherwise. */
interface Listed {
  readonly sink: string;
  readonly type: string;
  readonly state: string;
  /** the last block of the journal that was delivered */
  readonly block: number | null;
  readonly delivered_until: string | null;
  readonly behind_seconds: number | null;
  readonly behind_rows: number | null;
  readonly errors: number | null;
  readonly dead_letters: number | null;
  readonly trouble: string | null;
}

async function askHealth({ http }: Config): Promise<Readonly<Record<string, SinkHealth>>> {
  const host = ['0.0.0.0', '::'].includes(http.host) ? '127.0.0.1' : http.host;
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${http.port}/health`;
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(HEALTH_MS) });
    return ((await answer.json()) as { sinks?: Readonly<Record<string, SinkHealth>> }).sinks ?? {};
  } catch {
    // no logger runs, or another program has its port
    return {};
  }
}

function listed(config: Config, name: string, health: SinkHealth | undefined): Listed {
  const files = new CursorFiles(new DiskIo(), journalFolder(config.logger.data_path), name);
  const cursor = files.read();
  const received = cursor?.received ?? 0;
  return {
    sink: name,
    type: config.sinks[name]?.type ?? '',
    state: stateOf(files, health),
    block: cursor?.delivered ?? null,
    delivered_until: received === 0 ? null : new Date(received * 1000).toISOString(),
    behind_seconds: health?.lag_seconds ?? null,
    behind_rows: health?.lag_rows ?? null,
    errors: health?.errors ?? null,
    dead_letters: health?.dead_letters ?? null,
    trouble: health?.trouble ?? null,
  };
}

function stateOf(files: CursorFiles, health: SinkHealth | undefined): string {
  const cursor = files.read();
  const asked = files.rewindText();
  if (asked !== undefined) return `goes back to ${asked}`;
  if (health?.trouble) return 'in trouble';
  if (cursor === undefined) return files.isCutOff() ? 'cut off' : 'new';
  if (cursor.columns !== undefined) {
    const { columns } = cursor;
    return columns === null ? 'fills from files' : `fills from files, at ${isoDay(columns.day)}`;
  }
  return health === undefined ? 'rests' : 'follows';
}

const COLUMNS: readonly Column[] = [
  ...['sink', 'type', 'state', 'delivered until'].map((name) => ({ name, numeric: false })),
  ...['s behind', 'rows behind', 'errors', 'dead letters'].map((name) => ({ name, numeric: true })),
  { name: 'trouble', numeric: false },
];

function line(sink: Listed): string[] {
  const number = (value: number | null) => (value === null ? '-' : value.toLocaleString('en'));
  return [
    ...[sink.sink, sink.type, sink.state, sink.delivered_until ?? '-'],
    ...[sink.behind_seconds, sink.behind_rows, sink.errors, sink.dead_letters].map(number),
    sink.trouble ?? '',
  ];
}

async function list(options: ListOptions, command: Command): Promise<void> {
  const [word] = command.args;
  if (word !== undefined) refuseCommand(command, word);
  const config = await configOf(options);
  const health = await askHealth(config);
  const sinks = Object.keys(config.sinks).map((name) => listed(config, name, health[name]));
  if (options.json) process.stdout.write(`${JSON.stringify(sinks, undefined, 2)}\n`);
  else if (sinks.length === 0) process.stdout.write('no sinks; name one in a section [sinks.<name>]\n');
  else process.stdout.write(aligned(COLUMNS, sinks.map(line)));
}

/** The list is what the group does without a command, so a mistyped one arrives as an argument of the list. */
function refuseCommand(command: Command, word: string): never {
  const meant = didYouMean(
    word,
    command.commands.map((each) => each.name()),
  );
  const hint = meant === undefined ? '' : `\n(Did you mean ${meant}?)`;
  command.error(`error: unknown command '${word}'${hint}`, { code: 'commander.unknownCommand' });
}

async function rewind(name: string, _options: RewindOptions, command: Command): Promise<void> {
  // the group takes --config for itself, wherever it stands
  const options = command.optsWithGlobals<RewindOptions>();
  const config = await configOf(options);
  if (!(name in config.sinks)) {
    const names = Object.keys(config.sinks);
    const known = names.length === 0 ? 'there are none' : `there are ${names.join(', ')}`;
    throw new LoggerError('USAGE', `no sink ${JSON.stringify(name)} in the configuration; ${known}`);
  }
  if (options.to === undefined)
    throw new LoggerError('USAGE', `where ${name} is to begin again is missing: add --to ${BEGINNING_FORM}`);
  if (parseBeginning(options.to) === undefined)
    throw new LoggerError('USAGE', `--to must be ${BEGINNING_FORM}; it is ${JSON.stringify(options.to)}`);
  new CursorFiles(new DiskIo(), journalFolder(config.logger.data_path), name).askToRewind(options.to);
  process.stdout.write(
    `${name} goes back to ${options.to}: within seconds when the logger runs, else at its next start\n`,
  );
}

function rewindCommand(): Command {
  const command = new Command('rewind')
    .description('have a sink deliver again what it has delivered')
    .argument('<name>', 'of the section [sinks.<name>]')
    .option('--to <when>', `${BEGINNING_FORM}: what was received since (default: none, it must be named)`);
  return command
    .addOption(configOption())
    .action(rewind)
    .addHelpText(
      'after',
      `\nRows come again from the column files, also those that the journal has no more. A target that names rows by\nexchange, native symbol, table, day and row has none of them twice.\n${exitStatuses({ ok: 'the sink will go back', failed: 'the data directory cannot be written' })}${examples(
        'logger sinks rewind files --to start',
        'logger sinks rewind database --to 2026-11-30T12:00:00Z',
      )}`,
    );
}

export function sinksCommand(): Command {
  const command = new Command().option('--json', 'print one JSON document');
  return command
    .addOption(configOption())
    .enablePositionalOptions()
    .addCommand(rewindCommand())
    .allowExcessArguments()
    .action(list)
    .addHelpText(
      'after',
      `\nWhat a sink delivers is told by its section [sinks.<name>]; OPTIONS.md has its options. Sinks are added, changed and\nremoved with SIGHUP. How far one is behind, and what troubles it, a logger that runs tells over HTTP.\n${exitStatuses({ ok: 'listed, even if there is none', failed: 'the data directory cannot be read' })}${examples(
        'logger sinks',
        'logger sinks --config /etc/logger/logger.toml --json',
        'logger sinks rewind files --to start',
      )}`,
    );
}
