/**
 * One random history of a data directory, from a seed: several lives of a writer over a disk that forgets, each ended
 * by a kill, a power cut or an orderly stop, recovery in between, itself interrupted now and then, and sometimes a sink
 * that follows the journal. Judged by an oracle that knows nothing of the store.
 */

import { replaceFile, type StoreIo } from '../../src/store/disk/io.js';
import { readCursors } from '../../src/store/journal/cursors.js';
import { BLOCK_KIND, CURSORS_FOLDER } from '../../src/store/journal/format.js';
import { readLosses } from '../../src/store/journal/losses.js';
import { journalFolder } from '../../src/store/journal/start.js';
import { NO_STATES } from '../../src/store/journal/states.js';
import { loses } from '../../src/store/recovery/cases.js';
import { findSegments, LogFinder, walkLog } from '../../src/store/recovery/log.js';
import { forEachRecord } from '../../src/store/recovery/records.js';
import { planRecovery, recover } from '../../src/store/recovery/recovery.js';
import { Random } from './random.js';
import { SimulatedDisk } from './simulated_disk.js';
import { Oracle } from './store_oracle.js';
import { judgeSeals, SimulatedSealer } from './store_sealer.js';
import { DATA, FIRST_DAY, STREAMS, World, wordOf } from './store_world.js';

/** Where a test may put a mistake. */
export interface Mistakes {
  /** between the store and the disk */
  readonly io?: (disk: SimulatedDisk) => StoreIo;
  /** rows count as promised as soon as they were drained */
  readonly promiseDrained?: boolean;
  /** the sink saves its cursor before it delivers */
  readonly cursorFirst?: boolean;
  /** every history has a sink, not one of four */
  readonly sink?: boolean;
  /** every history has a sealer, and it does not ask the writer whether it may */
  readonly hastySealer?: boolean;
  /** every history has a sealer, not one of four */
  readonly sealer?: boolean;
}

export interface HistoryResult {
  /** what is wrong; '' when nothing is */
  readonly problem: string;
  readonly rows: number;
  readonly cuts: number;
  readonly kills: number;
  readonly recoveryCuts: number;
  /** checksum files that were there after a recovery */
  readonly seals: number;
}

/** The exchange on each ring. */
const RING_EXCHANGES = ['x', 'y'];
const LIVES_MAX = 3;
const CALLS_MAX = 150;
const RECOVERY_CALLS_MAX = 60;

class SimulatedSink {
  /** rows that were delivered, as stream and number; survives everything, like another host */
  readonly delivered = new Set<string>();
  problem = '';
  private readonly folder = `${journalFolder(DATA)}/${CURSORS_FOLDER}`;

  constructor(
    private readonly io: StoreIo,
    private readonly cursorFirst: boolean,
  ) {}

  open(): void {
    this.io.makeFolder(this.folder);
    if (this.position === 0) this.save(0);
    this.io.syncFs(DATA);
  }

  private get position(): number {
    return readCursors(this.io, journalFolder(DATA))[0]?.position ?? 0;
  }

  private save(position: number): void {
    replaceFile(this.io, this.folder, 'test.json', Buffer.from(JSON.stringify({ position })));
  }

  /** Delivers what is durable, a few blocks at most. */
  follow(synced: number, blocksMax: number): void {
    const from = this.position;
    const to = Math.min(synced, from + blocksMax);
    if (from >= to) return;
    if (this.cursorFirst) this.save(to);
    const folder = journalFolder(DATA);
    const start = { sequence: from, segment: 0, segmentsUsed: 0, states: NO_STATES };
    const range = new LogFinder(this.io, folder, start, findSegments(this.io, folder)).find();
    let last = from;
    for (const walked of walkLog(this.io, folder, { redo: range.redo, end: to }, start)) {
      last = walked.block.sequence;
      if (walked.block.kind === BLOCK_KIND.records) this.deliver(walked);
    }
    if (last < to) this.problem ||= `the sink found blocks up to ${last} of ${to} behind ${from}`;
    if (!this.cursorFirst) this.save(to);
  }

  private deliver(walked: Parameters<typeof forEachRecord>[0]): void {
    forEachRecord(walked, (place, words, index, text) => {
      if (text !== undefined) return;
      const stream = words[index + 1] as number;
      if (STREAMS[stream]?.exchange !== place.exchange)
        this.problem ||= `a row of ${place.exchange} in stream ${stream}`;
      // rows of GAPS that tell of what a recovery has cut off are none of those that were put in
      if (place.table?.id !== STREAMS[stream]?.table.id) return;
      this.delivered.add(`${stream} ${words[index + 3]}`);
    });
  }
}

class History {
  private readonly random: Random;
  private readonly disk: SimulatedDisk;
  private readonly io: StoreIo;
  private readonly oracle: Oracle;
  private readonly numbers = STREAMS.map(() => 0);
  private readonly clock = { ms: 1000 };
  private readonly sink: SimulatedSink | undefined;
  private readonly sealer: SimulatedSealer | undefined;
  private readonly options;
  private day = FIRST_DAY;
  /** by ring: rows of GAPS that tell of what the last recovery has cut off */
  private ownRows: readonly number[] = [0, 0];
  private texts = 0;
  private readonly counts = { cuts: 0, kills: 0, recoveryCuts: 0, seals: 0 };

  constructor(
    seed: number,
    private readonly mistakes: Mistakes,
  ) {
    const random = (this.random = new Random(seed));
    this.disk = new SimulatedDisk(random);
    this.io = mistakes.io?.(this.disk) ?? this.disk;
    this.oracle = new Oracle((path) => this.disk.contentOf(path));
    if (random.chance(0.25) || mistakes.sink)
      this.sink = new SimulatedSink(this.io, mistakes.cursorFirst ?? false);
    const hasty = mistakes.hastySealer ?? false;
    if (random.chance(0.25) || mistakes.sealer || hasty) this.sealer = new SimulatedSealer(this.io, hasty);
    this.options = {
      segmentBytes: random.of([700, 4000, 1 << 20]),
      checkpointMs: random.of([300, 1000, 1e9]),
      flushIntervalMs: random.of([200, 1000]),
      rowsPerTableDay: random.of([4, 64]),
      ringWords: 4096,
    };
  }

  run(): HistoryResult {
    let problem = '';
    const lives = 1 + Math.floor(this.random.next() ** 2 * LIVES_MAX);
    for (let life = 0; life < lives && problem === ''; life++) problem = this.live(life === lives - 1);
    if (problem === '') problem = this.finishSink();
    return { problem, rows: this.oracle.rows, ...this.counts };
  }

  /** One life with the recovery behind it; '' or what is wrong. */
  private live(last: boolean): string {
    const { random, disk } = this;
    if (!last || random.chance(0.7)) disk.dieAfter(1 + random.below(CALLS_MAX));
    const world = this.start();
    // a process that dies while it starts has promised nothing
    const items = world?.items ?? [[], []];
    if (world !== undefined) this.work(world);
    const ended = world !== undefined && !disk.dead && this.stop(world);
    const power = ended ? random.chance(0.5) : random.chance(0.7);
    if (ended && items.some((list, ring) => world.released(ring) < list.length))
      return 'an orderly stop left something behind';
    disk.restart(power);
    if (power) this.counts.cuts++;
    else this.counts.kills++;
    if (ended && planRecovery(this.io, DATA).findings.some(({ label }) => label === 'redo'))
      return 'something was left to redo by an orderly stop';
    const { refused, cut } = this.recover(power);
    if (refused !== '') return refused;
    const promised = items.map((list, ring) =>
      world === undefined ? 0 : ended ? list.length : this.promised(world, list, ring, cut),
    );
    return [...this.oracle.settle(items, promised), this.judgeSink(), this.judgeSeals()]
      .filter((text) => text !== '')
      .join('; ');
  }

  private start(): World | undefined {
    try {
      this.io.makeFolder(DATA);
      this.sink?.open();
      this.sealer?.open();
      const noted = readLosses(this.io, journalFolder(DATA));
      this.ownRows = RING_EXCHANGES.map((id) => noted.filter(({ exchange }) => exchange === id).length);
      return new World(this.io, this.clock, this.numbers, this.options);
    } catch (error) {
      if (this.disk.dead) return undefined;
      throw error;
    }
  }

  private work(world: World): void {
    const { random, disk, clock } = this;
    const steps = 2 + random.below(14);
    for (let step = 0; step < steps && !disk.dead; step++) {
      for (let n = random.below(5); n > 0; n--) this.produce(world);
      world.publish();
      clock.ms += random.of([1, 20, 150, 600]);
      this.whileAlive(() => world.writer.doWork());
      if (this.sink !== undefined && !disk.dead && random.chance(0.4)) this.followJournal(world, 6);
      if (!disk.dead && random.chance(0.5)) this.whileAlive(() => this.sealer?.follow(world, 60));
    }
  }

  private followJournal(world: World, blocksMax: number): void {
    this.whileAlive(() => this.sink?.follow(world.writer.theJournal.synced, blocksMax));
  }

  /** Whatever a dying process throws does not matter any more. */
  private whileAlive(act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!this.disk.dead) throw error;
    }
  }

  private produce(world: World): void {
    const { random } = this;
    if (random.chance(0.03)) this.day++;
    const stream = random.below(STREAMS.length);
    const day = random.chance(0.1) ? this.day - 1 : this.day;
    if (!world.row(stream, day)) return;
    if (random.chance(0.08)) world.text('literal', stream, day, ++this.texts);
    if (random.chance(0.04)) world.text('rejected', stream, day, ++this.texts);
  }

  /** Whether the stop was carried out to its end. */
  private stop(world: World): boolean {
    if (this.random.chance(0.5)) return false;
    if (this.sink !== undefined) {
      this.clock.ms += 1000;
      this.whileAlive(() => world.writer.doWork());
      if (!this.disk.dead) this.followJournal(world, 1e9);
    }
    do this.whileAlive(() => world.writer.doWork());
    while (!world.drained && !this.disk.dead);
    if (!this.disk.dead) this.whileAlive(() => world.writer.finish());
    return !this.disk.dead;
  }

  /** Items of a ring that must survive. */
  private promised(world: World, list: World['items'][number], ring: number, power: boolean): number {
    if (!power && !this.mistakes.promiseDrained) return world.released(ring);
    const drained = new Uint32Array(world.drains[ring] as SharedArrayBuffer)[0] as number;
    const counted = this.mistakes.promiseDrained ? drained : world.durableRows(ring);
    // the rows of GAPS that the writer begins with are counted as rows of the ring
    const rows = Math.max(0, counted - (this.ownRows[ring] as number));
    let seen = 0;
    let count = 0;
    while (seen < rows) if (list[count++]?.kind === 'row') seen++;
    return count;
  }

  /** Recovers, interrupted now and then; why it did not, and whether there was a power cut at any time. */
  private recover(power: boolean): { refused: string; cut: boolean } {
    const { random, disk } = this;
    for (let cut = power; ; ) {
      if (random.chance(0.3)) disk.dieAfter(1 + random.below(RECOVERY_CALLS_MAX));
      try {
        const { quarantine, findings, cutBytes } = recover(this.io, DATA);
        disk.restart(false);
        // files may have rows and texts that the journal does not have yet
        const explained = quarantine === undefined || cutBytes > 0 || findings.some(loses);
        return { refused: explained ? '' : 'something went to the quarantine', cut };
      } catch (error) {
        if (!disk.dead)
          return { refused: `recovery: ${error instanceof Error ? error.message : error}`, cut };
        this.counts.recoveryCuts++;
        const cutNow = random.chance(0.7);
        disk.restart(cutNow);
        cut ||= cutNow;
      }
    }
  }

  private judgeSeals(): string {
    const { disk } = this;
    const { problem, seals } = judgeSeals(
      (folder) => disk.list(folder),
      (path) => disk.contentOf(path),
    );
    this.counts.seals += seals;
    return problem;
  }

  private judgeSink(): string {
    if (this.sink === undefined) return '';
    for (const row of this.sink.delivered) {
      const [stream, value] = row.split(' ').map(Number) as [number, number];
      const last = this.numbers[stream] as number;
      let n = 0;
      while (n < last && wordOf(stream, n, 3) !== value) n++;
      if (!this.oracle.has(stream, n))
        return `row ${n} of stream ${stream} was delivered and is not in the files`;
    }
    return this.sink.problem;
  }

  /** At the end the sink gets the rest of the journal, and must have every row then. */
  private finishSink(): string {
    if (this.sink === undefined) return '';
    this.sink.open();
    this.sink.follow(planRecovery(this.io, DATA).sequence, 1e9);
    const { delivered } = this.sink;
    if (delivered.size !== this.oracle.rows)
      return `the sink has ${delivered.size} of ${this.oracle.rows} rows`;
    return this.judgeSink();
  }
}

/** Runs the history of a seed. */
export function runHistory(seed: number, mistakes: Mistakes = {}): HistoryResult {
  try {
    return new History(seed, mistakes).run();
  } catch (error) {
    const problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { problem, rows: 0, cuts: 0, kills: 0, recoveryCuts: 0, seals: 0 };
  }
}
