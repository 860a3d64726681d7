/**
 * Runs a class of faults: one capture that the fault happens to several times, each time followed from outside until
 * everything is well again, and the comparison of what is on disk with the ledger at the end.
 */
import { rmSync } from 'node:fs';
import { compareLedger } from '../../src/simulator/compare/compare.js';
import type { ChannelComparison } from '../../src/simulator/compare/comparison.js';
import { sleep, temporaryFolder, until, verifyProblems } from '../support/processes.js';
import type { FaultClass } from './classes.js';
import { gapTimes, liveTimes, openGaps, repairedTrades } from './observed.js';
import { Scene } from './scene.js';
import { falselyListed } from './truth.js';

/** When a fault began and was over, and when something of it was to be seen; ms since 1970. */
interface Round {
  readonly began: number;
  readonly over: number;
  /** when /health was not healthy first */
  readonly unwell: number | undefined;
}

/** What a class has shown; times in ms. */
export interface Outcome {
  readonly fault: FaultClass;
  readonly exchanges: readonly string[];
  /** from the beginning of each fault to the first sign of it, in those rounds that had one */
  readonly noticed: readonly number[];
  /** from the end of each fault until every symbol had sent a trade again */
  readonly flowing: readonly number[];
  /** rows neither on disk nor in GAPS */
  readonly lost: number;
  readonly twice: number;
  /** trades that are not on disk and listed, and other rows of the kind */
  readonly listed: number;
  readonly others_listed: number;
  readonly repaired: number;
  /** whatever else is wrong, as text */
  readonly problems: readonly string[];
}

const POLL_MS = 50;
const LOOK_MS = 250;
/** Until a capture is well again, whatever has happened to it. */
const PATIENCE_SECS = 240;
/** A gap in ids is listed after two seconds, and rows of GAPS reach their files within another. */
const CALM_MS = 4000;
const CHANNELS = ['trades', 'ticker', 'bbo', 'book'];
const WRONG = ['missing', 'repeated', 'unexpected', 'different', 'wrong_books'] as const;

export async function runClass(fault: FaultClass, rounds = fault.rounds ?? 3): Promise<Outcome> {
  const { exchanges, channels = CHANNELS, flags = [], lines = [], env = {}, named = false } = fault;
  const folder = temporaryFolder('faults');
  const scene = await Scene.start(folder, { exchanges, channels, flags, lines, env, named });
  try {
    // of a table without rows on disk nobody could tell what a killed life had received
    await settled(scene, Date.now());
    await fault.prepare?.(scene);
    const done: Round[] = [];
    for (let round = 0; round < rounds; round++) done.push(await oneRound(fault, scene));
    const status = await scene.end();
    const problems = status === 0 ? [] : [`the logger ended with ${status}: ${scene.said()}`];
    const outcome = await judged(fault, scene, done, problems);
    if (problemsOf(outcome).length > 0) return { ...outcome, problems: [...outcome.problems, folder] };
    rmSync(folder, { recursive: true });
    return outcome;
  } catch (error) {
    await scene.kill();
    throw new Error(`${error}\n${(error as Error).cause ?? ''}\n${scene.said()}`);
  }
}

async function oneRound(fault: FaultClass, scene: Scene): Promise<Round> {
  const began = Date.now();
  const watch = new HealthWatch(scene);
  const over = (await fault.inject(scene)) ?? Date.now();
  await sleep(Math.max(0, over - Date.now()));
  await settled(scene, over);
  return { began, over, unwell: watch.stop() };
}

/** Looks at /health until it is stopped. */
class HealthWatch {
  private unwell: number | undefined;
  private running = true;

  constructor(scene: Scene) {
    void this.run(scene);
  }

  private async run(scene: Scene): Promise<void> {
    for (; this.running && this.unwell === undefined; await sleep(POLL_MS)) {
      const status = await scene.health().then(
        (health) => health.status,
        // between two lives
        () => 'down',
      );
      if (status !== 'healthy') this.unwell = Date.now();
    }
  }

  stop(): number | undefined {
    this.running = false;
    return this.unwell;
  }
}

/** Waits until everything is well: live trades of every symbol behind `since`, connections up, gaps closed. */
async function settled(scene: Scene, since: number): Promise<void> {
  const { data, exchanges, symbols } = scene;
  await until(
    'the capture is well again',
    async () => {
      await sleep(LOOK_MS);
      const { status, reasons } = await scene.health();
      if (status !== 'healthy') throw new Error(reasons.join('; '));
      const sending = liveTimes(data, exchanges).filter(
        (times) => (times.at(-1) ?? 0) > since + CALM_MS,
      ).length;
      if (sending < symbols) throw new Error(`${symbols - sending} symbols send no trades`);
      const open = openGaps(data, exchanges);
      if (open > 0) throw new Error(`${open} gaps are open`);
      return true;
    },
    PATIENCE_SECS,
  );
}

/** How long after `since` the longest pause ended that was going on then or began later, before `until`. */
function pauseAfter(times: readonly number[], since: number, until: number): number {
  let [longest, end] = [0, 0];
  for (const [i, time] of times.entries()) {
    const from = times[i - 1] ?? since;
    if (time < since || from > until || time - from <= longest) continue;
    [longest, end] = [time - from, time - Math.max(since, from)];
  }
  return end;
}

function firstAfter(times: readonly number[], since: number): number | undefined {
  return times.find((time) => time >= since);
}

async function judged(
  fault: FaultClass,
  scene: Scene,
  rounds: readonly Round[],
  problems: readonly string[],
): Promise<Outcome> {
  const { data, ledger, exchanges } = scene;
  const { channels } = compareLedger(ledger, data);
  const sum = (count: (channel: ChannelComparison) => number) =>
    channels.reduce((total, channel) => total + count(channel), 0);
  const isTrades = ({ channel }: ChannelComparison) => channel === 'trades';
  const signs = [...scene.warnings(), ...gapTimes(data, exchanges)].sort((a, b) => a - b);
  const live = liveTimes(data, exchanges);
  return {
    fault,
    exchanges,
    noticed: rounds.flatMap(({ began, unwell }, i) => {
      const next = rounds[i + 1]?.began ?? Number.POSITIVE_INFINITY;
      const first = Math.min(firstAfter(signs, began) ?? next, unwell ?? next);
      return first < next ? [first - began] : [];
    }),
    flowing: rounds.map(({ over }, i) => {
      const until = rounds[i + 1]?.began ?? Number.POSITIVE_INFINITY;
      return Math.max(...live.map((times) => pauseAfter(times, over, until)));
    }),
    lost: sum(({ missing }) => missing),
    twice: sum(({ repeated }) => repeated),
    listed: sum((channel) => (isTrades(channel) ? channel.listed : 0)),
    others_listed: sum((channel) => (isTrades(channel) ? 0 : channel.listed)),
    repaired: repairedTrades(data, exchanges),
    problems: [
      ...problems,
      ...channels.flatMap((channel) => differencesOf(channel)),
      ...falselyListed(ledger, data),
      ...[await verifyProblems(data)].filter((text) => text !== ''),
    ],
  };
}

/** Everything that is not as it should be. */
export function problemsOf({ fault, problems, listed }: Outcome): string[] {
  return [
    ...problems,
    ...(listed === 0 || fault.unrepairable !== undefined ? [] : [`${listed} trades are only listed`]),
  ];
}

function differencesOf(channel: ChannelComparison): string[] {
  return WRONG.filter((name) => channel[name] > 0).map(
    (name) =>
      `${channel.exchange} ${channel.symbol} ${channel.channel}: ${channel[name]} ${name}: ${channel.examples.join('; ')}`,
  );
}
