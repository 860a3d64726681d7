/**
 * What recovery would do, from the checkpoint, the journal and the sizes of files: every case that it finds
 * (cases.ts) and the rows that each table-day gets. Reads only, so `logger recover --dry-run` is the plan
 * itself. Used by recovery.ts.
 */
import { basename, join } from 'node:path';
import type { Table } from '../../schema/layout.js';
import { TABLES } from '../../schema/tables.js';
import { unusable } from '../columns/found_files.js';
import { notOurs, type StoreIo } from '../disk/io.js';
import {
  columnFile,
  literalsFile,
  parseColumnFile,
  RESERVED_FOLDERS,
  rejectedFile,
  tableDirectory,
} from '../disk/paths.js';
import { type Checkpoint, readCheckpoint } from '../journal/checkpoint.js';
import { cursorPath, readCursors } from '../journal/cursors.js';
import { BLOCK_KIND } from '../journal/format.js';
import { findLosses, isSetAside, lossesFile, type NotedLoss } from '../journal/losses.js';
import { journalFolder } from '../journal/start.js';
import {
  decodeStates,
  NO_STATES,
  type RejectedState,
  type States,
  type TableDayState,
} from '../journal/states.js';
import { type CaseLabel, type Finding, loses, refuses, Unexplained } from './cases.js';
import { findSegments, LogFinder, type LogRange, type Place, type WalkedBlock, walkLog } from './log.js';
import { forEachRecord, isRejected, type RecordVisitor, rejectedName, tableDayName } from './records.js';

export interface PlannedTableDay {
  /** what its files hold before the first row that is redone */
  readonly base: TableDayState;
  readonly table: Table;
  rows: number;
  /** its files cannot be used: it begins at row 0, with the rows that are redone */
  anew: boolean;
}

export interface PlannedRejected {
  readonly base: RejectedState;
  lines: number;
}

export interface RecoveryPlan {
  readonly folder: string;
  readonly findings: readonly Finding[];
  readonly checkpoint: Checkpoint | undefined;
  readonly range: LogRange;
  /** last block that is redone */
  readonly end: number;
  /** where numbers go on */
  readonly sequence: number;
  readonly segmentsUsed: number;
  readonly tableDays: ReadonlyMap<string, PlannedTableDay>;
  readonly rejected: ReadonlyMap<string, PlannedRejected>;
  /** nothing is to be changed */
  readonly nothing: boolean;
}

export class RecoveryPlanner {
  private readonly folder: string;
  private readonly findings: Finding[] = [];
  private readonly tableDays = new Map<string, PlannedTableDay>();
  private readonly rejected = new Map<string, PlannedRejected>();
  /** what the rows of a place belong to */
  private readonly planned = new Map<Place, PlannedTableDay>();

  constructor(
    private readonly io: StoreIo,
    private readonly dataPath: string,
  ) {
    this.folder = journalFolder(dataPath);
  }

  plan(): RecoveryPlan {
    const { io, folder, findings, tableDays, rejected } = this;
    if (!['folder', 'none'].includes(io.kindOf(folder))) throw notOurs(folder, 'ENOTDIR');
    const segments = findSegments(io, folder);
    const found = readCheckpoint(io, folder);
    const checkpoint = found === 'damaged' ? undefined : found;
    if (found === 'damaged') this.note('checkpoint-damaged', folder);
    else if (found === undefined && segments.length > 0)
      this.note('checkpoint-missing', `${segments.length} segments`);
    else if (found === undefined) this.note(this.hasColumns() ? 'journal-missing' : 'fresh', this.dataPath);
    const counted: Checkpoint = checkpoint ?? { sequence: 0, segment: 0, segmentsUsed: 0, states: NO_STATES };
    const range = new LogFinder(io, folder, counted, checkpoint === undefined ? [] : segments).find();
    findings.push(...range.findings);
    const end = this.count(range, counted);
    const sequence = this.continueBehind(range);
    const idle = end === counted.sequence && this.tableDays.size === 0 && counted.segment === 0;
    const nothing = idle && segments.length === 0;
    if (checkpoint !== undefined && idle && !findings.some(refuses))
      this.note('clean', `block ${sequence} is the last`);
    return {
      folder,
      findings,
      checkpoint,
      range: { ...range, segments },
      end,
      sequence,
      segmentsUsed: Math.max(counted.segmentsUsed, ...segments.map(({ id }) => id)),
      tableDays,
      rejected,
      nothing: nothing && sequence === counted.sequence && found !== 'damaged' && !findings.some(loses),
    };
  }

  private note(label: CaseLabel, text: string, tableDay?: string): void {
    this.findings.push({ label, text, tableDay });
  }

  private hasColumns(): boolean {
    const { io, dataPath } = this;
    const below = (folders: string[]) =>
      folders.flatMap((folder) => io.list(folder).map((name) => join(folder, name)));
    return io
      .list(dataPath)
      .filter((name) => !RESERVED_FOLDERS.has(name))
      .some((exchange) =>
        below([join(dataPath, exchange)]).some((symbol) =>
          below(below([symbol])).some((path) => parseColumnFile(basename(path)) !== undefined),
        ),
      );
  }

  /** No number that a sink has seen is used again. */
  private continueBehind(range: LogRange): number {
    const cursors = readCursors(this.io, this.folder);
    for (const { sink, damaged } of cursors)
      if (damaged) this.note('cursor-damaged', `${cursorPath(this.folder, sink)} is no {"position": n}`);
    const ahead = cursors.filter(({ position }) => position > range.highest);
    for (const { sink, position } of ahead)
      this.note('cursor-ahead', `${sink} is at block ${position}, the journal ends with ${range.highest}`);
    return Math.max(range.highest, ...ahead.map(({ position }) => position));
  }

  /** Walks over the log and counts; answers the last block that can be redone. */
  private count(range: LogRange, checkpoint: Checkpoint): number {
    let end = checkpoint.sequence;
    let blocks = 0;
    try {
      this.bases(checkpoint.states, this.tablesAtCheckpoint(range, checkpoint));
      for (const walked of walkLog(this.io, this.folder, range, checkpoint)) {
        this.block(walked);
        end = walked.block.sequence;
        blocks++;
      }
    } catch (error) {
      if (!(error instanceof Unexplained)) throw error;
      this.note(error.label, `behind block ${end}: ${error.message}`);
    }
    if (blocks > 0) this.note('redo', `${blocks} blocks, ${checkpoint.sequence + 1} to ${end}`);
    this.compareSizes(checkpoint.sequence);
    return end;
  }

  private tablesAtCheckpoint(range: LogRange, checkpoint: Checkpoint): readonly Table[] {
    return range.segments.find(({ id }) => id === checkpoint.segment)?.head?.tables ?? TABLES;
  }

  private bases(states: States, tables: readonly Table[]): void {
    for (const state of states.tableDays) {
      const name = tableDayName(state.exchange, state.directory, state.table, state.day);
      const known = this.tableDays.get(name);
      const table = tables.find((t) => t.name === state.table);
      if (table === undefined) throw new Unexplained('unreadable-record', `no table ${state.table}`);
      if (known === undefined) this.tableDays.set(name, { base: state, table, rows: 0, anew: false });
      else if (known.base.rows + known.rows !== state.rows)
        throw new Unexplained(
          'base-disagrees',
          `${name} had ${known.base.rows + known.rows} rows and was reopened with ${state.rows}`,
        );
    }
    for (const state of states.rejected) {
      const name = rejectedName(state.exchange, state.day);
      if (!this.rejected.has(name)) this.rejected.set(name, { base: state, lines: 0 });
    }
  }

  private block(walked: WalkedBlock): void {
    const { block, tables } = walked;
    if (block.kind === BLOCK_KIND.bases)
      this.bases(decodeStates(JSON.parse(block.bytes.toString('utf8'))), tables);
    else if (block.kind === BLOCK_KIND.records) {
      // nothing of a block counts before all of it was understood
      forEachRecord(walked, this.expectKnown);
      forEachRecord(walked, this.add);
    } else if (block.kind !== BLOCK_KIND.streams)
      throw new Unexplained('unreadable-record', `no kind ${block.kind}`);
  }

  private readonly expectKnown: RecordVisitor = (place, _words, _index, text) => {
    if (text !== undefined) {
      if (isRejected(text) && !this.rejected.has(place.rejected))
        throw new Unexplained('base-missing', `refused ${place.rejected}`);
    } else if (!this.planned.has(place)) {
      const planned = this.tableDays.get(place.tableDay);
      if (planned === undefined) throw new Unexplained('base-missing', place.tableDay);
      this.planned.set(place, planned);
    }
  };

  private readonly add: RecordVisitor = (place, _words, _index, text) => {
    if (text === undefined) (this.planned.get(place) as PlannedTableDay).rows++;
    else if (isRejected(text)) (this.rejected.get(place.rejected) as PlannedRejected).lines++;
  };

  /** What was durable must be there; what is more than the journal explains goes. */
  private compareSizes(checkpoint: number): void {
    const losses = this.losses();
    for (const [name, planned] of this.tableDays) {
      const { base, table, rows } = planned;
      const damage = this.damageOf(planned);
      if (damage !== undefined) {
        planned.anew = true;
        this.note('file-foreign', damage, name);
        continue;
      }
      const files = this.filesOf(base, table);
      const short = files.some(({ bytes, size }) => size < bytes);
      if (short && isSetAside(losses, base, checkpoint)) {
        planned.anew = true;
        this.note('file-foreign', `${name} was being set aside`, name);
        continue;
      }
      for (const { path, bytes, width, size } of files) {
        if (size < bytes) this.note('file-short', `${path} has ${size} bytes, ${bytes} were durable`, name);
        // texts that are redone are not counted here: their side-car is judged by what was durable
        else if (width > 0 && size > bytes + rows * width)
          this.note('file-long', `${path} has ${size} bytes, ${bytes + rows * width} are explained`, name);
      }
    }
    this.compareRejected();
  }

  private losses(): readonly NotedLoss[] {
    const losses = findLosses(this.io, this.folder);
    if (losses !== 'damaged') return losses;
    this.note('losses-damaged', lossesFile(this.folder));
    return [];
  }

  private damageOf({ base, table }: PlannedTableDay): string | undefined {
    const { exchange, directory, day } = base;
    const folder = tableDirectory(this.dataPath, exchange, directory, base.table);
    return unusable(this.io, { table, exchange, day, folder })?.message;
  }

  private compareRejected(): void {
    for (const { base } of this.rejected.values()) {
      const path = join(this.dataPath, base.exchange, rejectedFile(base.day));
      const size = this.io.sizeOf(path);
      if (Math.max(0, size) < base.bytes)
        this.note('file-short', `${path} has ${size} bytes, ${base.bytes} were durable`);
    }
  }

  private filesOf(
    base: TableDayState,
    table: Table,
  ): { path: string; bytes: number; width: number; size: number }[] {
    const folder = tableDirectory(this.dataPath, base.exchange, base.directory, base.table);
    const sizeOf = (path: string) => Math.max(0, this.io.sizeOf(path));
    const columns = table.columns.filter(({ name }) => base.columns.includes(name));
    const text = `${folder}/${literalsFile(base.day)}`;
    return [
      ...columns.map((column) => {
        const path = `${folder}/${columnFile(column.name, base.day)}`;
        return { path, bytes: base.rows * column.bytes, width: column.bytes, size: sizeOf(path) };
      }),
      { path: text, bytes: base.textBytes, width: 0, size: sizeOf(text) },
    ];
  }
}
