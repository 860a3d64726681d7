/**
 * What every program of a comparison is told and what it answers: the logger's rivals get a Task as JSON argument,
 * connect, take `warmup` and then `messages` trades, finish what they write, and end. Each does what its users do, no
 * more, in its own way of reading, storing and counting. Shared by the programs and those who run them.
 */
import type { Exact } from './quantiles.js';

export interface Task {
  readonly exchange: string;
  /** address of the connections, as the exchange wants it, and what is sent first over each of them */
  readonly url: string;
  readonly subscribe: readonly (readonly string[])[];
  /** addresses alone, for clients that know the rest */
  readonly ws: string;
  readonly rest: string;
  /** certificate to trust, with TLS; the environment names it, too */
  readonly ca?: string;
  readonly symbols: readonly string[];
  readonly channel: string;
  readonly symbolsPerConnection: number;
  /** after so long what was taken is in its files, where a program has a limit */
  readonly flushSecs: number;
  readonly warmup: number;
  readonly messages: number;
  /** messages are sent on a schedule, and how long each takes is asked for */
  readonly timed: boolean;
  /** an empty folder */
  readonly folder: string;
}

/** A line on stdout. */
export type TaskEvent =
  | { readonly kind: 'warm' }
  | {
      readonly kind: 'result';
      /** of all that was taken, warm-up included */
      readonly messages: number;
      /** sum of their sizes in units of 10^-8 */
      readonly size: number;
      /** from the end of the warm-up to the last message */
      readonly wall_us: number;
      /** from the time in each message to the program, where it tells */
      readonly delay_us?: Exact;
    };
