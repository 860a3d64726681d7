/** A copy of a data directory that is to be damaged, and the means for it; paths are those below the data directory. */
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

const DAY_MS = 86_400_000;

export class DamageScene {
  /** the symbol that is damaged, `coinbase/BTC-USD`, and its table of trades */
  readonly symbol: string;
  readonly table: string;
  /** the day of its files, `30.11.26` */
  stamp: string;

  constructor(
    readonly data: string,
    /** a folder beside it, for what links lead to and what is moved away */
    readonly elsewhere: string,
  ) {
    const [symbol] = readdirSync(join(data, 'coinbase')).filter((name) => !name.includes('.'));
    this.symbol = `coinbase/${symbol}`;
    this.table = `${this.symbol}/TRADES`;
    const [file] = readdirSync(join(data, this.table)).filter((name) => name.startsWith('trade_id.'));
    this.stamp = file.slice('trade_id.'.length, -'.bin'.length);
  }

  at(path: string): string {
    return join(this.data, path);
  }

  column(name: string): string {
    return `${this.table}/${name}.${this.stamp}.bin`;
  }

  gaps(column: string): string {
    return `${this.symbol}/GAPS/${column}.${this.stamp}.bin`;
  }

  /** The files of the table. */
  files(): string[] {
    return readdirSync(this.at(this.table)).map((name) => `${this.table}/${name}`);
  }

  /** The last segment of the journal. */
  get segment(): string {
    const names = readdirSync(this.at('journal')).filter((name) => name.endsWith('.segment'));
    return `journal/${names.sort().at(-1)}`;
  }

  sizeOf(path: string): number {
    return statSync(this.at(path)).size;
  }

  remove(path: string): void {
    rmSync(this.at(path), { recursive: true });
  }

  link(path: string, target: string): void {
    rmSync(this.at(path), { recursive: true, force: true });
    symlinkSync(target, this.at(path));
  }

  /** Moves it out of the directory and leaves a link to it. */
  moveAway(path: string): void {
    const target = join(this.elsewhere, path.replaceAll('/', '-'));
    renameSync(this.at(path), target);
    symlinkSync(target, this.at(path));
  }

  folderInstead(path: string): void {
    rmSync(this.at(path), { recursive: true, force: true });
    mkdirSync(this.at(path));
  }

  fileInstead(path: string, text = 'of somebody else\n'): void {
    rmSync(this.at(path), { recursive: true, force: true });
    mkdirSync(dirname(this.at(path)), { recursive: true });
    writeFileSync(this.at(path), text);
  }

  cutTo(path: string, bytes: number): void {
    truncateSync(this.at(path), bytes);
  }

  append(path: string, bytes: number): void {
    appendFileSync(this.at(path), Buffer.alloc(bytes, 7));
  }

  /** `offset`: from the end where it is negative */
  flip(path: string, offset: number, mask = 0x40): void {
    const bytes = readFileSync(this.at(path));
    bytes[offset < 0 ? bytes.length + offset : offset] ^= mask;
    writeFileSync(this.at(path), bytes);
  }

  /** The files of the table become those of another day. */
  redate(days: number): void {
    const [year, month, day] = new Date(Date.now() + days * DAY_MS).toISOString().slice(2, 10).split('-');
    const stamp = `${day}.${month}.${year}`;
    for (const path of this.files()) renameSync(this.at(path), this.at(path.replace(this.stamp, stamp)));
    this.stamp = stamp;
  }
}
