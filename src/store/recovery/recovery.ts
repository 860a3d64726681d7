/**
 * Brings the column files to exactly what the journal holds, after whatever ended the process before: every row that
 * was durable once, none twice, none that is torn. Runs on the main thread before capture starts, and in
 * `logger recover`. Any step may be cut short and run again to the same end:
 *
 *   1  plan: read checkpoint, journal and file sizes (plan.ts); refuse what cannot be explained
 *   2  make durable what is read from the journal: a killed process may have left it in memory only
 *   3  write every row behind the checkpoint at the place that its number says
 *   4  note which rows are cut off, for GAPS, and cut files to length; what is cut goes to the quarantine
 *   5  make the file system durable, then the new checkpoint
 *   6  remove segments that no sink needs; those that cannot be read go to the quarantine
 *
 * What was damaged is moved to the quarantine when the loss is accepted; without that nothing is changed.
 */
import { join } from 'node:path';
import { LoggerError } from '../../base/errors.js';
import { STAGED_BYTES_MAX } from '../../base/limits.js';
import { GAPS } from '../../schema/tables.js';
import { setFilesAside } from '../columns/lost_rows.js';
import { RejectedLog } from '../columns/rejected.js';
import { RowArena } from '../columns/row_arena.js';
import { TableDay } from '../columns/table_day.js';
import { FilePool } from '../disk/file_pool.js';
import { type StoreIo, withFile } from '../disk/io.js';
import { tableDirectory } from '../disk/paths.js';
import { Quarantine, quarantineName } from '../disk/quarantine.js';
import { writeCheckpoint } from '../journal/checkpoint.js';
import { readCursors } from '../journal/cursors.js';
import { BLOCK_KIND, CHECKPOINT_FILE, segmentFile } from '../journal/format.js';
import { lossesFile, type NotedLoss, noteLosses } from '../journal/losses.js';
import { newestOf, type SegmentHead } from '../journal/reader.js';
import { NO_STATES, type TableDayState } from '../journal/states.js';
import { type Finding, refuses } from './cases.js';
import { type Place, type SegmentFound, walkLog } from './log.js';
import { type PlannedTableDay, type RecoveryPlan, RecoveryPlanner } from './plan.js';
import { forEachRecord, isRejected, type RecordVisitor } from './records.js';
import { condensed, explain } from './report.js';

/** Rows that wait in one table-day before they are written. */
const ROWS_MAX = 8192;
const DESCRIPTORS_MAX = 256;
const COPY_BYTES = 256 * 1024;
const DAY_SECS = 86_400;

export interface RecoveryOptions {
  /** go on with what can be explained; the rest goes to the quarantine */
  readonly acceptLoss?: boolean;
}

export interface RecoveryReport {
  readonly findings: readonly Finding[];
  /** nothing had to be done */
  readonly clean: boolean;
  readonly rows: number;
  readonly tableDays: number;
  readonly cutBytes: number;
  /** rows that were cut off or set aside, which GAPS will list */
  readonly lostRows: number;
  /** folder with what could not be explained or was cut off; undefined when there was nothing */
  readonly quarantine: string | undefined;
  readonly milliseconds: number;
}

/** Recovers a data directory. Throws LoggerError JOURNAL_DAMAGED or JOURNAL_FOREIGN when it must not go on. */
export function recover(io: StoreIo, dataPath: string, options: RecoveryOptions = {}): RecoveryReport {
  return new Recovery(io, dataPath, options).run();
}

/** What `recover` would do. */
export function planRecovery(io: StoreIo, dataPath: string): RecoveryPlan {
  return new RecoveryPlanner(io, dataPath).plan();
}

export class Recovery {
  private readonly tableDays = new Map<string, TableDay>();
  /** where the rows of a place go */
  private readonly targets = new Map<Place, TableDay>();
  private readonly files: FilePool;
  private readonly rejected: RejectedLog;
  private readonly quarantine: Quarantine;
  private readonly waiting = new RowArena();
  private rows = 0;
  private lostRows = 0;

  constructor(
    protected readonly io: StoreIo,
    protected readonly dataPath: string,
    private readonly options: RecoveryOptions,
  ) {
    this.files = new FilePool(io, DESCRIPTORS_MAX, () => undefined);
    this.quarantine = new Quarantine(io, dataPath, quarantineName(Date.now()));
    this.rejected = new RejectedLog(dataPath, this.files, this.quarantine, {});
  }

  run(): RecoveryReport {
    const started = performance.now();
    const plan = planRecovery(this.io, this.dataPath);
    const refused = plan.findings.filter(refuses);
    if (refused.length > 0 && !this.options.acceptLoss) throw refusal(refused);
    let cutBytes = 0;
    if (!plan.nothing) {
      if (refused.length > 0) this.quarantine.report(explain(plan, true));
      if (plan.findings.some(({ label }) => label === 'losses-damaged'))
        this.quarantine.move(lossesFile(plan.folder));
      this.syncJournal(plan);
      this.redo(plan);
      this.noteLosses(plan.folder, this.cutOff());
      cutBytes = this.cut();
      this.io.syncFs(this.dataPath);
      this.finish(plan, refused.length > 0);
    }
    return {
      findings: plan.findings,
      clean: plan.nothing,
      rows: this.rows,
      tableDays: this.tableDays.size,
      cutBytes,
      lostRows: this.lostRows,
      quarantine: this.quarantine.used ? this.quarantine.folder : undefined,
      milliseconds: performance.now() - started,
    };
  }

  /**
   * What the columns get must not be gone after the next power cut: then it would be unknown which rows are whole. The
   * bytes are written again, because a sync that failed before may have left them in memory and told the kernel
   * otherwise.
   */
  protected syncJournal(plan: RecoveryPlan): void {
    const { io } = this;
    const chunk = Buffer.alloc(COPY_BYTES);
    for (const { id, size } of plan.range.redo) {
      withFile(io, io.open(join(plan.folder, segmentFile(id))), (fd) => {
        for (let at = 0; at < size; at += COPY_BYTES)
          io.write(fd, chunk, 0, Math.min(io.read(fd, chunk, 0, at), size - at), at);
        io.fdatasync(fd);
      });
    }
    if (plan.range.redo.length > 0) io.syncFolder(plan.folder);
  }

  private redo(plan: RecoveryPlan): void {
    // before anything is moved: what is moved is not found again
    this.noteLosses(
      plan.folder,
      [...plan.tableDays.values()]
        .filter(({ anew }) => anew)
        .map(({ base }) => ({ ...lossOf(base, base.rows), setAside: plan.checkpoint?.sequence ?? 0 })),
    );
    for (const [name, planned] of plan.tableDays) this.open(name, planned);
    for (const { base } of plan.rejected.values()) this.rejected.begin(base);
    if (this.options.acceptLoss) this.shorten(plan);
    if (plan.checkpoint !== undefined) {
      const range = { redo: plan.range.redo, end: plan.end };
      for (const walked of walkLog(this.io, plan.folder, range, plan.checkpoint)) {
        if (walked.block.kind === BLOCK_KIND.records) forEachRecord(walked, this.record);
      }
    }
    this.flush();
  }

  private open(name: string, { base, table, rows, anew }: PlannedTableDay): void {
    const { exchange, directory, day } = base;
    const folder = tableDirectory(this.dataPath, exchange, directory, base.table);
    const tableDay = new TableDay(
      { table, exchange, directory, day, ring: 0, folder },
      {
        rowsMax: Math.min(ROWS_MAX, Math.max(1, rows)),
        exact: true,
        journaled: true,
        quarantine: this.quarantine,
        files: this.files,
        waiting: this.waiting,
      },
    );
    if (anew) setFilesAside(this.io, this.quarantine, tableDay.key);
    tableDay.begin(anew ? { ...base, rows: 0, textBytes: 0 } : base);
    this.tableDays.set(name, tableDay);
  }

  /** Rows that some column lacks leave the others, too, and those that are redone follow behind what is left. */
  private shorten(plan: RecoveryPlan): void {
    const short = [...this.tableDays].filter(([name, tableDay]) => {
      const { base, anew } = plan.tableDays.get(name) as PlannedTableDay;
      tableDay.shorten();
      return !anew && tableDay.written < base.rows;
    });
    this.noteLosses(
      plan.folder,
      short.map(([name, tableDay]) => {
        const { base, rows } = plan.tableDays.get(name) as PlannedTableDay;
        const unexplained = Math.max(0, tableDay.written + tableDay.rowsBehind() - base.rows - rows);
        return lossOf(base, base.rows - tableDay.written + unexplained, tableDay.lastReceived());
      }),
    );
    for (const [, tableDay] of short) tableDay.cut(this.quarantine);
    this.rejected.shorten();
  }

  private readonly record: RecordVisitor = (place, words, index, text) => {
    if (text !== undefined) {
      if (isRejected(text)) this.rejected.stage(place.exchange, place.day, text.detail, text.text);
      else this.tableDays.get(place.tableDay)?.stageLiteral(text.detail, text.text);
      return;
    }
    let tableDay = this.targets.get(place);
    if (tableDay === undefined) {
      tableDay = this.tableDays.get(place.tableDay);
      if (tableDay === undefined) return;
      this.targets.set(place, tableDay);
    }
    // opening a file costs more than what is written to it: each is opened once if memory allows
    if (this.waiting.bytes > STAGED_BYTES_MAX) this.flush();
    if (tableDay.full) tableDay.flush();
    tableDay.stage(words, index);
    this.rows++;
  };

  private flush(): void {
    for (const tableDay of this.tableDays.values()) {
      if (tableDay.waiting) tableDay.flush();
      tableDay.rest();
    }
    this.rejected.flush();
  }

  /** Rows that stand behind what the journal explains. */
  private cutOff(): NotedLoss[] {
    return [...this.tableDays.values()].map((tableDay) =>
      lossOf(
        { ...tableDay.key, table: tableDay.key.table.name },
        tableDay.rowsBehind(),
        tableDay.lastReceived(),
      ),
    );
  }

  /** Tells the writer, durably, what it has to list. */
  private noteLosses(folder: string, losses: readonly NotedLoss[]): void {
    // a row of GAPS that is lost is made again: the gap that it listed is found by its ids
    const noted = losses.filter(({ rows, table }) => rows > 0 && table !== GAPS.name);
    if (noted.length > 0) noteLosses(this.io, folder, noted);
    this.lostRows += noted.reduce((sum, { rows }) => sum + rows, 0);
  }

  private cut(): number {
    let cut = 0;
    for (const tableDay of this.tableDays.values()) cut += tableDay.cut(this.quarantine);
    cut += this.rejected.cut();
    this.rejected.close();
    return cut;
  }

  private finish(plan: RecoveryPlan, damaged: boolean): void {
    const { io } = this;
    const { folder, sequence, segmentsUsed } = plan;
    if (damaged) this.setAside(plan);
    io.makeFolder(folder);
    writeCheckpoint(io, folder, { sequence, segment: 0, segmentsUsed, states: NO_STATES });
    const kept = segmentsForSinks(io, plan);
    const gone = plan.range.segments.filter((segment) => !kept.includes(segment));
    for (const { id, head } of gone) {
      const path = join(folder, segmentFile(id));
      if (io.sizeOf(path) < 0) continue;
      if (head === undefined) this.quarantine.move(path);
      else io.unlink(path);
    }
    if (gone.length > 0) io.syncFolder(folder);
  }

  /** Journal files that could not be understood to their end leave the journal, whole. */
  private setAside(plan: RecoveryPlan): void {
    this.quarantine.keepTail(join(plan.folder, CHECKPOINT_FILE), 0);
    for (const { id, head } of plan.range.segments)
      if (head !== undefined) this.quarantine.keepTail(join(plan.folder, segmentFile(id)), 0);
    this.io.syncFs(this.dataPath);
  }
}

function lossOf(
  { exchange, directory, table, day }: Pick<TableDayState, 'exchange' | 'directory' | 'table' | 'day'>,
  rows: number,
  from: readonly [number, number] = [day * DAY_SECS, 0],
): NotedLoss {
  const now = Date.now();
  return {
    ...{ exchange, directory, table, day, rows, from },
    to: [Math.floor(now / 1000), (now % 1000) * 1_000_000],
    setAside: 0,
  };
}

/** Whole segments that a sink has not read to their end. */
function segmentsForSinks(io: StoreIo, plan: RecoveryPlan): SegmentFound[] {
  const slowest = Math.min(...readCursors(io, plan.folder).map(({ position }) => position));
  if (slowest >= plan.end) return [];
  const readable = plan.range.segments.filter(({ head }) => head !== undefined);
  const firsts = readable.map(({ head }) => (head as SegmentHead).first);
  return readable.filter((_, i) => newestOf(firsts, i, plan.end) > slowest);
}

function refusal(findings: readonly Finding[]): LoggerError {
  const foreign = findings.every(({ label }) => label === 'unknown-layout');
  const what = condensed(findings)
    .map(({ label, text }) => `${label}: ${text}`)
    .join('\n');
  const advice = foreign
    ? 'start the version that wrote the journal once, so that it recovers its own data, and stop it in order'
    : '`logger recover --dry-run` explains it; `logger recover --accept-loss` keeps the damaged files in quarantine/ and goes on without them';
  return new LoggerError(
    foreign ? 'JOURNAL_FOREIGN' : 'JOURNAL_DAMAGED',
    `the journal cannot be recovered\n${what}\n${advice}`,
  );
}
