/**
 * A sealer in the simulated histories, which takes every day for closed: its steps are taken between the turns of the
 * writer, and it dies with the process. What it left is judged from the bytes alone.
 */
import { crc32 } from 'node:zlib';
import { createCounters } from '../../src/counters/counters.js';
import { SEALER_COUNTERS } from '../../src/counters/declarations.js';
import type { StoreIo } from '../../src/store/disk/io.js';
import type { Seal } from '../../src/store/seal/file.js';
import { Sealer, type SealerStep } from '../../src/store/seal/sealer.js';
import { DATA, STREAMS, type World } from './store_world.js';

const DAYS_MAX = 1e6;

export class SimulatedSealer {
  private sealer: Sealer | undefined;
  private steps: Generator<SealerStep, boolean> | undefined;
  private request = 0;
  private waits = false;

  constructor(
    private readonly io: StoreIo,
    /** the mistake of not asking the writer */
    private readonly hasty: boolean,
  ) {}

  /** A new process. */
  open(): void {
    const counters = new Uint32Array(createCounters(SEALER_COUNTERS));
    this.sealer = new Sealer(this.io, { dataPath: DATA, counters, log: () => undefined });
    this.steps = undefined;
    this.waits = false;
  }

  /** Goes on for some steps at most, or until it has to wait for the writer. */
  follow({ writer }: World, stepsMax: number): void {
    const answered = writer.reports.some((r) => r.kind === 'covered' && r.request === this.request);
    if (this.waits && !answered) return;
    this.waits = false;
    this.steps ??= this.sealer?.pass(0, DAYS_MAX);
    for (let n = 0; n < stepsMax; n++) {
      const { value, done } = this.steps?.next() ?? { done: true };
      if (done) this.steps = undefined;
      if (done) return;
      if (value !== 'covered' || this.hasty) continue;
      writer.commands.push({ kind: 'cover', request: ++this.request });
      this.waits = true;
      return;
    }
  }
}

/** What checksum files claim that is not so, and how many table-days have one. */
export function judgeSeals(
  list: (folder: string) => readonly string[],
  read: (path: string) => Buffer | undefined,
): { readonly problem: string; readonly seals: number } {
  let seals = 0;
  for (const { exchange, directory, table } of STREAMS) {
    const folder = `${DATA}/${exchange}/${directory}/${table.name}`;
    for (const name of list(folder).filter((one) => /^checksums\..*json$/.test(one))) {
      seals++;
      const where = `${folder}/${name}`;
      let seal: Seal;
      try {
        seal = JSON.parse(String(read(where)));
      } catch (error) {
        return { problem: `${where} is torn: ${error}`, seals };
      }
      for (const [file, { bytes, crc32: sealed }] of Object.entries(seal.files)) {
        const content = read(`${folder}/${file}`) ?? Buffer.alloc(0);
        if (content.length < bytes)
          return { problem: `${where}: ${file} has ${content.length} of ${bytes} sealed bytes`, seals };
        if (crc32(content.subarray(0, bytes)) !== Number.parseInt(sealed, 16))
          return { problem: `${where}: ${file} has other bytes than were sealed`, seals };
      }
    }
  }
  return { problem: '', seals };
}
