/** A simulated disk of which the n-th call of a kind fails, once or from then on. */
import { type PathKind, type StoreIo, wasTried } from '../../src/store/disk/io.js';
import type { SimulatedDisk } from './simulated_disk.js';

export const FAULTY_CALLS = [
  'open',
  'close',
  'write',
  'truncate',
  'fdatasync',
  'syncFolder',
  'syncFs',
  'rename',
  'unlink',
  'makeFolder',
] as const;

export type FaultyCall = (typeof FAULTY_CALLS)[number];

export interface Fault {
  readonly call: FaultyCall;
  /** which call fails, from 1 on */
  readonly n: number;
  readonly forever: boolean;
  readonly code: string;
  /** half of a write takes place before it fails */
  readonly short?: boolean;
}

export class FaultyIo implements StoreIo {
  /** calls that failed */
  failed = 0;
  private count = 0;
  /** what the sync that was begun does instead of succeeding */
  private failing: (() => never) | undefined;

  constructor(
    readonly disk: SimulatedDisk,
    private readonly fault: Fault | undefined,
    /** calls before arm() are not counted */
    private disarmed = false,
  ) {}

  arm(): void {
    this.disarmed = false;
  }

  private fails(call: FaultyCall): boolean {
    const { fault } = this;
    if (this.disarmed || fault?.call !== call) return false;
    this.count++;
    return fault.forever ? this.count >= fault.n : this.count === fault.n;
  }

  private check(call: FaultyCall): void {
    if (this.fails(call)) this.fail();
  }

  private fail(): never {
    this.failed++;
    const code = this.fault?.code ?? '';
    throw Object.assign(new Error(`${code}: injected`), { code });
  }

  open(path: string): number {
    this.check('open');
    return this.disk.open(path);
  }

  openExisting(path: string): number {
    this.check('open');
    return this.disk.openExisting(path);
  }

  openToRead(path: string): number {
    this.check('open');
    return this.disk.openToRead(path);
  }

  close(fd: number): void {
    // the descriptor is gone whatever close says
    this.disk.close(fd);
    this.check('close');
  }

  write(fd: number, bytes: Uint8Array, from: number, to: number, position: number): void {
    const fails = this.fails('write');
    const end = !fails ? to : this.fault?.short ? from + Math.floor((to - from) / 2) : from;
    if (end > from) this.disk.write(fd, bytes, from, end, position);
    if (fails) this.fail();
  }

  read(fd: number, bytes: Uint8Array, from: number, position: number): number {
    return this.disk.read(fd, bytes, from, position);
  }

  freeBytes(): number {
    return this.disk.freeBytes();
  }

  sizeOf(path: string): number {
    return this.disk.sizeOf(path);
  }

  kindOf(path: string): PathKind {
    return this.disk.kindOf(path);
  }

  truncate(fd: number, bytes: number): void {
    this.check('truncate');
    this.disk.truncate(fd, bytes);
  }

  makeFolder(path: string): void {
    this.check('makeFolder');
    this.disk.makeFolder(path);
  }

  list(folder: string): string[] {
    return this.disk.list(folder);
  }

  rename(from: string, to: string): void {
    this.check('rename');
    this.disk.rename(from, to);
  }

  unlink(path: string): void {
    this.check('unlink');
    this.disk.unlink(path);
  }

  fdatasync(fd: number): void {
    if (this.fails('fdatasync')) {
      this.disk.failFdatasync(fd);
      this.fail();
    }
    this.disk.fdatasync(fd);
  }

  syncFolder(path: string): void {
    this.check('syncFolder');
    this.disk.syncFolder(path);
  }

  beginFdatasync(fd: number): void {
    this.beginSync('fdatasync', () => this.disk.failFdatasync(fd));
    this.disk.beginFdatasync(fd);
  }

  beginSyncFolder(path: string): void {
    this.beginSync('syncFolder', () => undefined);
    this.disk.beginSyncFolder(path);
  }

  /** What is not even tried fails at once, the rest at its end. */
  private beginSync(call: FaultyCall, spoil: () => void): void {
    this.failing = undefined;
    if (!this.fails(call)) return;
    if (!wasTried({ code: this.fault?.code })) this.fail();
    this.failing = () => {
      spoil();
      return this.fail();
    };
  }

  syncEnded(wait: boolean): boolean {
    const { failing } = this;
    if (failing === undefined) return this.disk.syncEnded(wait);
    this.failing = undefined;
    this.disk.forgetSync();
    return failing();
  }

  syncFs(): void {
    this.checkSyncFs();
    this.disk.syncFs();
  }

  beginSyncFs(): void {
    this.disk.beginSyncFs();
  }

  syncFsEnded(): boolean {
    this.checkSyncFs();
    return this.disk.syncFsEnded();
  }

  private checkSyncFs(): void {
    if (!this.fails('syncFs')) return;
    if (this.fault?.code === 'EIO') this.disk.failSyncFs();
    this.fail();
  }
}
