/** `logger recover`: explains what a start would do to the data directory after a crash, or does it. */
import type { Writable } from 'node:stream';
import { Command } from 'commander';
import { EXIT } from '../base/errors.js';
import { DiskIo } from '../store/disk/io.js';
import { refuses } from '../store/recovery/cases.js';
import { planRecovery, recover } from '../store/recovery/recovery.js';
import { explain } from '../store/recovery/report.js';
import { DataLock } from '../supervisor/lock.js';
import { writable } from '../supervisor/resources.js';
import { examples } from './common.js';
import { DEFAULT_DATA_PATH } from './select.js';

export interface RecoverOptions {
  readonly data: string;
  readonly dryRun?: boolean;
  readonly acceptLoss?: boolean;
}

const HELP = `
\`logger run\` recovers by itself; this is for looking first, and for damage that it refuses to go on from.
Nothing may capture into the data directory meanwhile.

Ends with status 0 when everything that the journal holds is in the columns, 74 when files cannot be read or written,
75 when a logger is running, 78 when the journal is damaged and --accept-loss was not given.
${examples('logger recover --dry-run', 'logger recover --data /var/lib/logger --accept-loss')}`;

/** Prints the plan and, unless it is a dry run, carries it out; answers the exit status. */
export function runRecover(options: RecoverOptions, output: Writable): number {
  const io = new DiskIo();
  const plan = writable(options.data, () => planRecovery(io, options.data));
  output.write(`${explain(plan)}\n`);
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

/** The command for `src/cli.ts` to register. */
export function recoverCommand(): Command {
  return new Command('recover')
    .description('bring the column files in order after a crash')
    .option('--data <path>', 'data directory', DEFAULT_DATA_PATH)
    .option('--dry-run', 'only explain what would be done')
    .option('--accept-loss', 'go on without what is damaged; it is kept in quarantine/')
    .addHelpText('after', HELP)
    .action(async (options: RecoverOptions) => {
      // looking is allowed while a logger runs, changing is not
      const lock = options.dryRun ? undefined : await DataLock.take(options.data);
      process.exitCode = runRecover(options, process.stdout);
      lock?.release();
    });
}
