/**
 * What a stage of `logger bench` is, and what it tells. A stage runs in a process of its own (bench/stage_process.ts),
 * so that no stage measures what another one has left behind in the compiler, the heap or the collector.
 */

/** A bound for a figure: a number in its unit, or so many times another figure of the same stage. */
export type Bound = { readonly value: number } | { readonly of: string; readonly ratio: number };

export interface Figure {
  /** unique within its stage; what the bar, the line and the comparison are called */
  readonly name: string;
  readonly unit: string;
  /** one per run, in the order of the runs, which alternate with those of the figure's baseline */
  readonly values: readonly number[];
  readonly better: 'less' | 'more';
  /** figures of one group share a unit and a chart */
  readonly group: string;
  /** what no program could pass here, as far as it was measured in the same run */
  readonly limit?: Bound;
  /** what the project wants to reach; a median on the wrong side of it is marked */
  readonly target?: Bound;
  readonly notes?: string;
}

/** What a stage is asked for beyond its name, as far as the time it takes depends on it. */
export interface Asked {
  /** values that each figure should have; what has a baseline takes turns with it: A B A B */
  readonly runs: number;
  /** names of the loads of stage paced (paced_loads.ts); none: those of the default run */
  readonly loads: readonly string[];
}

export interface StageContext extends Asked {
  /** tiny inputs: whether it runs, not how fast */
  readonly smoke: boolean;
  /** about so long the whole stage should take; inputs are chosen for it */
  readonly seconds: number;
  /** times the ordinary amounts */
  readonly effort: number;
  /** an empty folder on the disk that is measured; removed behind the stage */
  readonly folder: string;
  /** aborted when the bench is ended early; a stage that has started processes ends them then */
  readonly signal: AbortSignal;
  /** what is measured now, for the person who waits */
  progress(text: string): void;
  /** bytes that are measured with, for the hash that tells whether two reports had the same input */
  input(bytes: Uint8Array): void;
  /** messages or rows that were lost; a report with any of them is invalid */
  dropped(count: number): void;
  /** something a reader of the report must know, such as a baseline that could not run */
  note(text: string): void;
}

export interface StageModule {
  /** Ends early with an exception; figures that were told before are kept out of the report then. */
  figures(context: StageContext): AsyncIterable<Figure> | Iterable<Figure>;
}

export interface Stage {
  readonly name: string;
  readonly summary: string;
  /** what it takes about with the ordinary effort */
  readonly seconds: (asked: Asked) => number;
  readonly load: () => Promise<StageModule>;
}
