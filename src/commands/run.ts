/** `logger run`: captures until it is stopped. */
import { Command } from 'commander';
import { LoggerError } from '../base/errors.js';
import { loadConfig } from '../config/load.js';
import { STOPPED } from '../counters/declarations.js';
import { loadExchanges } from '../exchanges/index.js';
import type { Exchange } from '../feed/exchange.js';
import { createLog, reloadOnHangup, startCapture, stopRequested } from './capture.js';
import { configOption, examples, exitStatuses, secondsOption } from './common.js';
import { LiveTable } from './live_table.js';
import { pluginsOf } from './plugins.js';

interface RunOptions {
  readonly config: string;
  readonly seconds?: number;
  readonly table?: boolean;
}

async function run(exchanges: readonly Exchange[], options: RunOptions): Promise<void> {
  const plugins = await pluginsOf(exchanges);
  const config = loadConfig(options.config, plugins);
  const log = createLog(config.logger.log_level, options.table);
  const stopping = stopRequested(options.seconds);
  // nothing is captured before the start is complete: until then there is nothing to stop in order
  const capture = await Promise.race([startCapture(config, exchanges, log), stopping]);
  if (typeof capture === 'string') {
    log.info(`stopping: ${capture}; the start was not complete`);
    return;
  }
  reloadOnHangup(options.config, config, plugins, capture, log);
  log.info(`capturing into ${config.logger.data_path}, health at ${capture.http.url}/health`);
  const table = options.table ? new LiveTable(process.stdout) : undefined;
  table?.start(() => capture.supervisor.snapshot());
  log.info(`stopping: ${await stopping}`);
  table?.stop();
  const complete = await capture.stop();
  const { writer } = capture.supervisor.snapshot();
  const rest =
    writer.stopped === STOPPED.complete ? '' : '; the next start completes the files from the journal';
  log.info({ rows: writer.rows_written, rows_lost: writer.dropped_rows }, `stopped${complete ? rest : ''}`);
  if (!complete)
    throw new LoggerError('DISK_WRITE', 'not every row could be written before the end; see the log');
}

/** Ends the process with it, once an error has been reported: no timer, thread or request that is left keeps it. */
async function runAndEnd(options: RunOptions): Promise<void> {
  try {
    await run(await loadExchanges(), options);
  } finally {
    setImmediate(() => process.exit());
  }
}

export function runCommand(): Command {
  return new Command()
    .addOption(configOption())
    .addOption(secondsOption())
    .option('--table', 'show a live table instead of log lines')
    .action(runAndEnd)
    .addHelpText(
      'after',
      `\nSIGHUP reads the configuration again: sinks, symbol lists and the log level change at once,\nthe log names what needs a restart. A second SIGINT ends the process immediately.\n${exitStatuses({ ok: 'stopped in order', failed: 'could not start, or was stopped twice' }, 'locked', 'refused')}${examples(
        'logger run --config logger.toml',
        'logger run --table',
        'LOGGER__EXCHANGES__BINANCE__ENABLED=false logger run',
      )}`,
    );
}
