/** Runs of several programs in turn, so that a slow minute of the machine hits all of them alike. */
import { setImmediate } from 'node:timers/promises';
import type { StageContext } from './stage.js';

/** One value of a measurement; whatever it has to prepare is done outside of what it measures. */
export type Measurement = () => number | Promise<number>;

/** Values of each measurement, one per run, in turn: A B C A B C. */
export async function alternate<const Name extends string>(
  { runs, signal }: Pick<StageContext, 'runs' | 'signal'>,
  measurements: Readonly<Record<Name, Measurement>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(measurements) as Name[];
  const values = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>;
  for (let run = 0; run < runs; run++) {
    for (const name of names) {
      // signals and messages arrive only when the event loop turns
      await setImmediate();
      signal.throwIfAborted();
      values[name].push(await measurements[name]());
    }
  }
  return values;
}
