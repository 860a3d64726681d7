/** `logger recover`: explains what a start would do to the data directory after a crash, or does it. */
import type { Writable } from 'node:stream';
import { Command } from 'commander';
import { EXIT } from '../base/errors.js';
import { DiskIo } from '../store/disk/io.js';
import { requireData } from '../store/read/reader.js';
import { refuses } from '../store/recovery/cases.js';
import { planRecovery, recover } from '../store/recovery/recovery.js';
import { explain } from '../store/recovery/report.js';
import { DataLock } from '../supervisor/lock.js';
import { writable } from '../supervisor/resources.js';
import { examples, exitStatuses } from './common.js';
import { addDataOptions, type CommandOptions, withData } from './data_options.js';

export interface RecoverOptions {
  readonly data: string;
  readonly dryRun?: boolean;
  readonly acceptLoss?: boolean;
  readonly verbose?: boolean;
}

const HELP = `
\`logger run\` recovers by itself; this is for looking first, and for damage that it refuses to go on from.
Nothing may capture into the data directory meanwhile.
${exitStatuses(
  {
    ok: 'everything that the journal holds is in the columns, or can be brought there',
    failed: 'there is no such data directory',
    refused: 'the journal is damaged or foreign, and --accept-loss was not given',
  },
  'ioError',
  'locked',
)}${examples(
  'logger recover --dry-run',
  'logger recover --dry-run --verbose',
  'logger recover --data /var/lib/logger --accept-loss',
)}`;

/** Prints the plan and, unless it is a dry run, carries it out; answers the exit status. */
export function runRecover(options: RecoverOptions, output: Writable): number {
  const io = new DiskIo();
  const plan = writable(options.data, () => planRecovery(io, options.data));
  output.write(`${explain(plan, options.verbose)}\n`);
  if (options.dryRun) return plan.findings.some(refuses) ? EXIT.refused : EXIT.ok;
  const done = writable(options.data, () => recover(io, options.data, options));
  const { rows, tableDays, cutBytes, lostRows, quarantine, clean, milliseconds } = done;
  if (!clean)
    output.write(
      `recovered in ${Math.round(milliseconds)} ms: ${rows} rows written again in ${tableDays} table-days, ${cutBytes} bytes cut off\n`,
    );
  if (lostRows > 0)
    output.write(`${lostRows} rows that the journal does not explain: the next capture lists them in GAPS\n`);
  if (quarantine !== undefined) output.write(`damaged files are in ${quarantine}\n`);
  return EXIT.ok;
}

export function recoverCommand(): Command {
  const command = new Command()
    .option('--dry-run', 'only explain what would be done')
    .option('--accept-loss', 'go on without what is damaged; it is kept in quarantine/')
    .option('--verbose', 'tell of every file and table-day instead of their numbers');
  return addDataOptions(command)
    .addHelpText('after', HELP)
    .action(async (given: CommandOptions<RecoverOptions>) => {
      const options = await withData(given);
      requireData(options.data);
      // looking is allowed while a logger runs, changing is not
      const lock = options.dryRun ? undefined : await DataLock.take(options.data);
      process.exitCode = runRecover(options, process.stdout);
      lock?.release();
    });
}
