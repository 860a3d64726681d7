/**
 * Gives closed table-days their checksum files, and those to which rows came late new ones. One pass walks the data
 * directory, measures what is to be sealed, waits until a checkpoint covers what was measured (a redo could still
 * change what is behind it), and only then reads files and writes checksums. A pass is made of steps: its driver pauses
 * between them. It never touches a column file and keeps nothing that a crash could leave half done.
 */
import { messageOf } from '../../base/errors.js';
import { decodeName } from '../../base/names.js';
import { SEALER } from '../../counters/declarations.js';
import type { Table } from '../../schema/layout.js';
import { TABLES } from '../../schema/tables.js';
import { foreignFolder } from '../columns/found_files.js';
import type { StoreIo } from '../disk/io.js';
import {
  checksumsFile,
  parseChecksumsFile,
  parseColumnFile,
  RESERVED_FOLDERS,
  tableDirectory,
} from '../disk/paths.js';
import {
  compareSizes,
  type Measured,
  makeSeal,
  measure,
  readSeal,
  type Seal,
  type SealPlace,
  writeSeal,
} from './file.js';

/** 'pause': a good moment for it · 'covered': go on when a checkpoint covers everything the files hold now. */
export type SealerStep = 'pause' | 'covered';

export interface SealerOptions {
  readonly dataPath: string;
  readonly counters: Uint32Array;
  readonly log: (level: 'info' | 'warn' | 'error', text: string) => void;
}

interface Candidate extends SealPlace {
  readonly measured: Measured;
  readonly earlier: Seal | undefined;
}

/** Table-days that are measured before the first of them is sealed: the memory of a first pass over years of data. */
const BATCH = 4096;

export class Sealer {
  /** by checksum file */
  private readonly damaged = new Set<string>();
  /** error codes that were logged since the last pass without an error */
  private readonly told = new Set<string>();
  private failures = 0;

  constructor(
    private readonly io: StoreIo,
    private readonly options: SealerOptions,
  ) {}

  /**
   * Looks at all table-days from `first` to `last` and seals what is not sealed; answers whether all are now. Throws
   * only for mistakes of ours.
   */
  *pass(first: number, last: number): Generator<SealerStep, boolean> {
    const { counters } = this.options;
    counters[SEALER.waiting] = 0;
    this.failures = 0;
    let batch: Candidate[] = [];
    for (const place of this.places(first, last)) {
      if (place !== 'pause') {
        const candidate = this.attempt(place.folder, () => this.candidate(place));
        if (candidate !== undefined) batch.push(candidate);
      }
      yield 'pause';
      if (batch.length < BATCH) continue;
      if (!(yield* this.sealAll(batch))) return false;
      batch = [];
    }
    if (!(yield* this.sealAll(batch))) return false;
    if (this.failures === 0) this.told.clear();
    counters[SEALER.passes]++;
    return this.failures + counters[SEALER.waiting] + this.damaged.size === 0;
  }

  private *places(first: number, last: number): Generator<SealPlace | 'pause'> {
    for (const { folder, table } of this.tables()) {
      yield 'pause';
      for (const day of this.days(folder, table))
        if (day >= first && day <= last) yield { folder, table, day };
    }
  }

  private *tables(): Generator<{ readonly folder: string; readonly table: Table }> {
    const { dataPath } = this.options;
    for (const exchange of this.list(dataPath)) {
      if (RESERVED_FOLDERS.has(exchange)) continue;
      for (const directory of this.list(`${dataPath}/${exchange}`)) {
        if (decodeName(directory) === undefined) continue;
        const names = new Set(this.list(`${dataPath}/${exchange}/${directory}`));
        for (const table of TABLES) {
          const folder = tableDirectory(dataPath, exchange, directory, table.name);
          if (names.has(table.name) && foreignFolder(this.io, folder) === undefined) yield { table, folder };
        }
      }
    }
  }

  private days(folder: string, table: Table): Set<number> {
    const columns = new Set(table.columns.map(({ name }) => name));
    const days = new Set<number>();
    for (const name of this.list(folder)) {
      const file = parseColumnFile(name);
      const day =
        file === undefined ? parseChecksumsFile(name) : columns.has(file.column) ? file.day : undefined;
      if (day !== undefined) days.add(day);
    }
    return days;
  }

  private list(folder: string): string[] {
    return this.attempt(folder, () => this.io.list(folder)) ?? [];
  }

  /** What is to be sealed of a table-day, if anything. */
  private candidate(place: SealPlace): Candidate | undefined {
    const { io, options } = this;
    const earlier = readSeal(io, place);
    if (typeof earlier === 'string') return this.damage(place, `cannot be used: ${earlier}`);
    const [wrong] = earlier === undefined ? [] : compareSizes(io, place, earlier);
    if (wrong !== undefined) return this.damage(place, wrong);
    const measured = measure(io, place);
    if (measured.rows === 0 && measured.disagreement === undefined) return undefined;
    if (measured.disagreement === undefined && earlier !== undefined && isAll(earlier, measured))
      return this.well(place);
    options.counters[SEALER.waiting]++;
    return { ...place, measured, earlier };
  }

  /** False when the disk takes no checksum files: reading the other table-days would be in vain. */
  private *sealAll(batch: readonly Candidate[]): Generator<SealerStep, boolean> {
    if (batch.length === 0) return true;
    yield 'covered';
    for (const candidate of batch) {
      const seal = this.agrees(candidate) ? yield* this.read(candidate) : undefined;
      if (seal === undefined) continue;
      const written = this.attempt(candidate.folder, () => {
        writeSeal(this.io, candidate, seal);
        return true;
      });
      if (written !== true) return false;
      this.options.counters[SEALER.sealed]++;
      this.options.counters[SEALER.waiting]--;
      this.well(candidate);
      yield 'pause';
    }
    return true;
  }

  /** What was staged when it was measured is written by now: columns that still do not agree are damaged. */
  private agrees({ measured, ...place }: Candidate): boolean {
    if (measured.disagreement === undefined) return true;
    const now = this.attempt(place.folder, () => measure(this.io, place));
    if (now?.disagreement !== undefined && hasSizes(measured, now)) this.damage(place, now.disagreement);
    return false;
  }

  private *read(candidate: Candidate): Generator<SealerStep, Seal | undefined> {
    try {
      const seal = yield* makeSeal(this.io, candidate, candidate.measured, candidate.earlier);
      return typeof seal === 'string' ? this.damage(candidate, seal) : seal;
    } catch (error) {
      return this.failed(candidate.folder, error);
    }
  }

  private attempt<R>(path: string, act: () => R): R | undefined {
    try {
      return act();
    } catch (error) {
      return this.failed(path, error);
    }
  }

  private failed(path: string, error: unknown): undefined {
    const { code } = error as NodeJS.ErrnoException;
    // an error without a code is a mistake of ours
    if (code === undefined) throw error;
    this.options.counters[SEALER.failures]++;
    this.failures++;
    if (!this.told.has(code))
      this.options.log('warn', `${path}: no checksums: ${messageOf(error)}; tried again with the next pass`);
    this.told.add(code);
    return undefined;
  }

  /** It may have been repaired since it was found damaged. */
  private well(place: SealPlace): undefined {
    this.damaged.delete(pathOf(place));
    this.options.counters[SEALER.damaged] = this.damaged.size;
    return undefined;
  }

  /** The checksum file stays as it is: it is the evidence. */
  private damage(place: SealPlace, text: string): undefined {
    const path = pathOf(place);
    if (!this.damaged.has(path)) this.options.log('error', `${path}: ${text}; see logger verify`);
    this.damaged.add(path);
    this.options.counters[SEALER.damaged] = this.damaged.size;
    return undefined;
  }
}

const pathOf = ({ folder, day }: SealPlace): string => `${folder}/${checksumsFile(day)}`;

function hasSizes({ files }: Measured, now: Measured): boolean {
  return files.size === now.files.size && [...files].every(([name, bytes]) => now.files.get(name) === bytes);
}

/** Whether a seal covers all that is there. */
function isAll(seal: Seal, { files }: Measured): boolean {
  for (const [name, bytes] of files) if (seal.files[name]?.bytes !== bytes) return false;
  return true;
}
