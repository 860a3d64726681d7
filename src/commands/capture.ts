/**
 * Starts and ends a capture: configuration, symbol names, supervisor, HTTP and signals put together. Used by `run` and
 * `demo`. Main thread.
 */
import type { Writable } from 'node:stream';
import pino, { type Logger } from 'pino';
import pretty, { type PrettyOptions, prettyFactory } from 'pino-pretty';
import { EXIT, LoggerError, messageOf } from '../base/errors.js';
import { printable } from '../base/printable.js';
import { diffConfig } from '../config/diff.js';
import { loadConfig } from '../config/load.js';
import type { Config, Plugins } from '../config/options.js';
import type { Exchange } from '../feed/exchange.js';
import { type HttpServer, startHttp } from '../http/server.js';
import { serverNotice } from '../server/start.js';
import { DataLock } from '../supervisor/lock.js';
import { Notifier } from '../supervisor/notify.js';
import { openToOthers } from '../supervisor/resources.js';
import { isAlive } from '../supervisor/status.js';
import { Supervisor } from '../supervisor/supervisor.js';
import { loadSymbolMapper, symbolFile } from '../symbols/file.js';

/** How often the state is looked at for the service manager, and the data directory for its identity. */
const WATCH_MS = 250;

export interface Capture {
  readonly supervisor: Supervisor;
  readonly http: HttpServer;
  /** Ends everything in order; false when something did not reach the disk. */
  stop(): Promise<boolean>;
}

/** Lines for people on a terminal, JSON lines for everything else; never from the hot path. */
export function createLog(level: string, quiet = false): Logger {
  if (quiet) return pino({ level: 'silent' });
  return pino({ level, base: undefined }, process.stdout.isTTY ? prettyLog() : logLines());
}

/** One line each: date and time, level, the thread or exchange that it is about, the text, and the rest as key=value. */
const FOR_PEOPLE: PrettyOptions = {
  translateTime: 'SYS:standard',
  hideObject: true,
  messageFormat: (log, messageKey) => {
    const { level, time, thread, sink, connection, exchange, shard, [messageKey]: text, ...rest } = log;
    const about = thread ?? sink ?? connection ?? exchange ?? (shard === undefined ? '' : `shard-${shard}`);
    const values = Object.entries(rest).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
    return printable([about, text, ...values].filter((part) => part !== '').join(' '));
  },
};

export function prettyLog(destination?: Writable) {
  return pretty({ ...FOR_PEOPLE, sync: true, destination });
}

/** Log lines that cannot be written, on a full disk for example, end no capture. */
function logLines(): pino.DestinationStream {
  const lines = pino.destination({ dest: process.stdout.fd, sync: true });
  let told = false;
  lines.on('error', (error: unknown) => {
    if (!told) process.stderr.write(`logger: log lines cannot be written: ${messageOf(error)}\n`);
    told = true;
  });
  return lines;
}

/** Log lines for people, one by one to `write`. */
export function createTextLog(level: string, write: (text: string) => void): Logger {
  const format = prettyFactory(FOR_PEOPLE);
  return pino({ level, base: undefined }, { write: (line: string) => write(format(line)) });
}

/** Starts capturing as the only owner of the data directory; throws a LoggerError before anything runs. */
export async function startCapture(
  config: Config,
  exchanges: readonly Exchange[],
  log: Logger,
): Promise<Capture> {
  const lock = await DataLock.take(config.logger.data_path);
  const open = openToOthers(config.logger.data_path);
  if (open !== undefined) log.warn(open);
  const mapper = loadSymbolMapper(symbolFile(config.logger.symbol_file));
  const supervisor = new Supervisor({
    config,
    exchanges,
    mapper,
    log,
    fatal: (status) => process.exit(status),
  });
  const http = await startHttp(config.http, () => supervisor.snapshot());
  const notice = serverNotice();
  if (notice !== undefined) log.warn(notice);
  try {
    await supervisor.start();
  } catch (error) {
    http.close();
    throw error;
  }
  const watching = watchCapture(config, supervisor, lock, log);
  const stop = async () => {
    watching.stopping();
    const complete = await supervisor.stop();
    http.close();
    lock.release();
    return complete;
  };
  return { supervisor, http, stop };
}

/** Sees that the directory stays the one that is locked, and keeps the service manager informed. */
function watchCapture(
  config: Config,
  supervisor: Supervisor,
  lock: DataLock,
  log: Logger,
): { stopping(): void } {
  const notifier = new Notifier();
  let ready = false;
  let taking = false;
  notifier.watch(() => isAlive(supervisor.snapshot()));
  const timer = setInterval(() => {
    // the first turn of the writer: what an earlier run left behind is in order
    if (!ready && supervisor.snapshot().writer.heartbeat > 0) {
      ready = true;
      notifier.send('READY=1');
    }
    if (!taking && !lock.holds()) {
      taking = true;
      void takeAgain(lock, config.logger.data_path, log).finally(() => {
        taking = false;
      });
    }
  }, WATCH_MS);
  return {
    stopping: () => {
      clearInterval(timer);
      notifier.stopping();
    },
  };
}

/** The data directory was removed or replaced: the writer begins its files again once the new one is ours. */
async function takeAgain(lock: DataLock, dataPath: string, log: Logger): Promise<void> {
  try {
    await lock.relock();
    log.error(`the data directory ${dataPath} was removed or replaced; it is begun again`);
  } catch (error) {
    if (!(error instanceof LoggerError)) throw error;
    log[error.code === 'DATA_LOCKED' ? 'fatal' : 'error'](error.message);
    if (error.code === 'DATA_LOCKED') process.exit(error.exitStatus);
  }
}

/** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. */
export function stopRequested(seconds?: number): Promise<string> {
  return new Promise((resolve) => {
    let asked = false;
    const ask = (reason: string) => {
      if (asked) process.exit(EXIT.failed);
      asked = true;
      resolve(reason);
    };
    process.on('SIGINT', () => ask('SIGINT'));
    process.on('SIGTERM', () => ask('SIGTERM'));
    if (seconds !== undefined) setTimeout(() => asked || ask(`${seconds} s are over`), seconds * 1000);
  });
}

/** SIGHUP reads the configuration again, applies what can change at run time and names what needs a restart. */
export function reloadOnHangup(
  file: string,
  first: Config,
  plugins: Plugins,
  capture: Capture,
  log: Logger,
): void {
  let current = first;
  process.on('SIGHUP', async () => {
    try {
      const next = loadConfig(file, plugins);
      const changes = diffConfig(current, next);
      for (const change of changes.filter((c) => c.applies === 'restart')) {
        log.warn({ key: change.key }, 'changed, but needs a restart to take effect');
      }
      log.level = next.logger.log_level;
      await capture.supervisor.reload(next);
      current = next;
      log.info({ changes: changes.length }, 'configuration reloaded');
    } catch (error) {
      log.error(`configuration stays as it is: ${messageOf(error)}`);
    }
  });
}
