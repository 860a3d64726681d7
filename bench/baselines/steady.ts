/**
 * One run of one program at a rate that lasts, as a deployment has it all day: what it costs is waking up, so nothing is
 * sent as fast as it is taken, the server sleeps between messages, and both ends share all cores. Measured is what the
 * kernel counts from one moment to another, with writes that were due before and without those that are due later; a
 * tail of messages comes behind it, with which the program ends. Runs in the process of a stage.
 */
import type { Sent } from '../server/server.js';
import type { RunOptions } from './amounts.js';
import { check, checkLogger, contenderOf, type Launched, launch, loggerOf, resultOf } from './comparison.js';
import { cpuBetween, type Program } from './program.js';
import type { ServerProcess } from './server_process.js';

export interface SteadyOptions extends Omit<RunOptions, 'rate'> {
  readonly rate: number;
}

/** What a run has come to. */
export interface SteadyRun {
  /** per message that was measured */
  readonly cpu_us: number;
  /** part of one core */
  readonly share: number;
  /** the largest since its start */
  readonly rss_bytes: number;
  readonly threads: number;
  /** from its start until it has subscribed to everything, where the program tells */
  readonly ready_s?: number;
  readonly messages_per_s: number;
  /** where the server tells: its own part of a core, and 99 of 100 messages were late by so much at most */
  readonly server?: { readonly share: number; readonly late_us: number };
}

/** Seconds of messages behind those that are measured. */
const TAIL_S = 0.5;
const ANYWHERE: readonly string[] = [];

/** Messages of the tail. */
export function tailOf({ rate }: Pick<SteadyOptions, 'rate'>): number {
  return Math.ceil(rate * TAIL_S);
}

/** What a program uses while `act` runs, which answers the messages and the time that it took. */
export async function usageDuring(
  program: Program<unknown>,
  act: () => Promise<{ readonly messages: number; readonly wall_us: number }>,
): Promise<SteadyRun> {
  const before = program.moment();
  const { messages, wall_us } = await act();
  const cpu_us = cpuBetween(before, program.moment());
  return {
    cpu_us: cpu_us / messages,
    share: cpu_us / wall_us,
    rss_bytes: program.rss(),
    threads: program.threads(),
    messages_per_s: (messages / wall_us) * 1e6,
  };
}

async function measure(
  { rate, warmup, messages }: SteadyOptions,
  server: ServerProcess,
  program: Program<unknown>,
  end: (sent: Sent) => Promise<void>,
): Promise<SteadyRun> {
  const send = (count: number) => server.send({ send: count, rate, wait: 'asleep' });
  await send(warmup);
  let served: SteadyRun['server'];
  const run = await usageDuring(program, async () => {
    const { wall_us, cpu_us, late } = await send(messages);
    served = { share: cpu_us / wall_us, late_us: late.p99 };
    return { messages, wall_us };
  });
  await end(await send(tailOf({ rate })));
  return { ...run, server: served };
}

export function launchSteadyLogger(options: SteadyOptions): Promise<Launched<SteadyRun>> {
  return launch(options, ANYWHERE, async (server) => {
    const logger = loggerOf(options, server, { placement: ANYWHERE, stamped: false });
    const ready = logger.ready();
    // reported where it is measured
    ready.catch(() => {});
    const { program } = logger;
    const end = async (sent: Sent) => {
      await logger.has(sent.messages, 'taken');
      const { messages_dropped } = await logger.health();
      options.dropped(messages_dropped);
      await program.ended(() => program.child.kill('SIGTERM'), 0);
      checkLogger(logger, messages_dropped, sent);
    };
    return {
      program,
      measure: async () => {
        const ready_s = await ready;
        return { ...(await measure(options, server, program, end)), ready_s };
      },
    };
  });
}

export function launchSteadyContender(
  name: string,
  command: readonly string[],
  options: SteadyOptions,
): Promise<Launched<SteadyRun>> {
  return launch(options, ANYWHERE, async (server) => {
    const messages = options.messages + tailOf(options);
    const how = { placement: ANYWHERE, timed: false };
    const program = await contenderOf(name, command, { ...options, messages }, server, how);
    const end = async (sent: Sent) => check(name, await resultOf(program), sent);
    return { program, measure: () => measure(options, server, program, end) };
  });
}
