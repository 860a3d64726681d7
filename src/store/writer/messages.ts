/** What goes between supervisor and writer thread: how it is started, its commands and its reports. */

/** A stream as the writer needs it. */
export interface WriterStream {
  readonly stream: number;
  readonly exchange: string;
  readonly directory: string;
  /** normalized name, for those who read the journal */
  readonly symbol: string;
  readonly ring: number;
}

export interface WriterRing {
  readonly ring: SharedArrayBuffer;
  readonly drain: SharedArrayBuffer;
}

export interface WriterJournal {
  /** longest time that something written may not be durable */
  readonly syncMs: number;
  readonly segmentBytes: number;
  /** size at which the slowest sink is cut off, and free space on its disk below which it is */
  readonly bytesMax: number;
  readonly freeBytesMin: number;
  readonly checkpointMs: number;
  /** where followers see how far it has come (journal/progress.ts) */
  readonly progress?: SharedArrayBuffer;
}

export interface WriterInit {
  readonly dataPath: string;
  readonly flushIntervalMs: number;
  readonly rowsPerTableDay: number;
  readonly exact: boolean;
  readonly descriptorsMax: number;
  /** undefined: a crash costs what was not flushed, and may leave columns of unequal length */
  readonly journal?: WriterJournal;
  readonly rings: readonly WriterRing[];
  readonly streams: readonly WriterStream[];
  readonly doorbell: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  /** blocks of STORED_COUNTERS by exchange */
  readonly stored: ReadonlyMap<string, SharedArrayBuffer>;
  /** receive to journal (without one: to the writer), µs */
  readonly latency: SharedArrayBuffer;
}

/** Supervisor to writer. */
export type WriterCommand =
  | { readonly kind: 'stop' }
  /** write what stands in a ring now without regard to its age; asks for `stored` with the same number */
  | { readonly kind: 'store'; readonly ring: number; readonly request: number }
  /** asks for `covered` with the same number */
  | { readonly kind: 'cover'; readonly request: number }
  | {
      readonly kind: 'add';
      readonly rings: readonly WriterRing[];
      readonly streams: readonly WriterStream[];
    };

/** Writer to supervisor. */
export type WriterReport =
  | { readonly kind: 'stopped' }
  /** rows can come */
  | { readonly kind: 'ready' }
  /** the file system is to be synced in the background (background_sync.ts) */
  | { readonly kind: 'sync' }
  /** an `add` has been carried out */
  | { readonly kind: 'added' }
  /** a `store` has been carried out */
  | { readonly kind: 'stored'; readonly request: number }
  /** a checkpoint covers everything that the files held when it was asked for: no redo changes it any more */
  | { readonly kind: 'covered'; readonly request: number }
  /** the writer has ended; so must the process, with this status, and recovery makes good what is missing */
  | { readonly kind: 'fatal'; readonly status: number; readonly text: string }
  | { readonly kind: 'log'; readonly level: 'info' | 'warn' | 'error'; readonly text: string };
