/**
 * Tells systemd how the service is doing (sd_notify(3)). The protocol is a datagram to the unix socket NOTIFY_SOCKET,
 * which Node cannot send; `systemd-notify`, which is there wherever that variable is set, can. It is started by one
 * small shell that lives as long as we do, because forking a process with hundreds of megabytes every few seconds
 * would disturb all of its threads. The sender is therefore not the main process: the unit says NotifyAccess=all.
 * Main thread; used by `run` and `demo`.
 */
import { type ChildProcess, spawn } from 'node:child_process';

const HELPER = 'while IFS= read -r state; do systemd-notify "$state"; done';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Milliseconds between signs of life, half of what the watchdog grants; undefined when there is none. */
export function watchdogMs(env: Environment, pid: number): number | undefined {
  const micros = Number(env.WATCHDOG_USEC);
  if (!(micros > 0)) return undefined;
  if (env.WATCHDOG_PID !== undefined && Number(env.WATCHDOG_PID) !== pid) return undefined;
  return micros / 2000;
}

export class Notifier {
  private helper: ChildProcess | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly env: Environment = process.env) {}

  /** Sends one assignment, e.g. `READY=1`; does nothing outside a service. */
  send(state: string): void {
    if (this.env.NOTIFY_SOCKET === undefined) return;
    this.helper ??= this.start();
    this.helper.stdin?.write(`${state.replaceAll('\n', ' ')}\n`);
  }

  private start(): ChildProcess {
    const helper = spawn('/bin/sh', ['-c', HELPER], {
      env: { ...this.env },
      stdio: ['pipe', 'ignore', 'ignore'],
      // a Ctrl-C in a terminal is for us, not for it
      detached: true,
    });
    const gone = () => {
      if (this.helper === helper) this.helper = undefined;
    };
    helper.on('error', gone);
    helper.on('exit', gone);
    helper.stdin?.on('error', gone);
    helper.unref();
    return helper;
  }

  /** Feeds the watchdog for as long as `alive` says so. */
  watch(alive: () => boolean): void {
    const every = watchdogMs(this.env, process.pid);
    if (every === undefined) return;
    this.timer = setInterval(() => alive() && this.send('WATCHDOG=1'), every);
  }

  /** Says that the service is on its way out; the watchdog is fed no more. */
  stopping(): void {
    clearInterval(this.timer);
    this.send('STOPPING=1');
  }
}
