/** Programs that take turns, each run with a process of its own. Runs in the process of a stage. */
import type { StageContext } from '../stage.js';
import type { Launched, Run } from './comparison.js';

export interface Turn<Result = Run> {
  /** Starts the program and its server. */
  readonly launch: () => Promise<Launched<Result>>;
  /** runs, where they are not as many as those of the others */
  readonly runs?: number;
}

/** With `alone` set a program is started when the one before has ended, otherwise while that one warms up. */
export interface TurnOptions {
  readonly alone: boolean;
}

/** Runs of each program in turn: A B C A B C. */
export async function takeTurns<Result = Run>(
  context: Pick<StageContext, 'runs' | 'signal' | 'progress'>,
  programs: Readonly<Record<string, Turn<Result>>>,
  { alone }: TurnOptions = { alone: false },
): Promise<Record<string, Result[]>> {
  const turns = orderOf(programs, context.runs);
  const runs: Record<string, Result[]> = Object.fromEntries(Object.keys(programs).map((name) => [name, []]));
  let next = turns.length === 0 ? undefined : begin(programs[turns[0]]);
  for (const [i, name] of turns.entries()) {
    context.signal.throwIfAborted();
    context.progress(name);
    const following = turns.at(i + 1);
    let started: Promise<Launched<Result>> | undefined;
    try {
      const current = (await next) as Launched<Result>;
      if (following !== undefined && !alone) started = begin(programs[following]);
      runs[name].push(await current.measure(started ?? Promise.resolve()));
    } catch (error) {
      // what was started already ends with the run that has failed
      await started?.then((launched) => launched.end()).catch(() => {});
      throw error;
    }
    next = following === undefined ? undefined : (started ?? begin(programs[following]));
  }
  return runs;
}

/** One run of one program. */
export async function runAlone(launched: Promise<Launched>): Promise<Run> {
  return (await launched).measure(Promise.resolve());
}

function begin<Result>({ launch }: Turn<Result>): Promise<Launched<Result>> {
  const launched = launch();
  // reported where it is awaited
  launched.catch(() => {});
  return launched;
}

/** Names in the order of their turns. */
function orderOf(programs: Readonly<Record<string, Turn<unknown>>>, runs: number): string[] {
  const most = Math.max(runs, ...Object.values(programs).map((program) => program.runs ?? runs));
  return Array.from({ length: most }, (_, run) =>
    Object.entries(programs).flatMap(([name, program]) => (run < (program.runs ?? runs) ? [name] : [])),
  ).flat();
}
