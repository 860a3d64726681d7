/**
 * A file system in memory that forgets like a real one, after the model of ALICE (Pillai et al., OSDI 2014): a power
 * cut keeps, of what was not synced, each sector of 512 bytes by itself; sizes grow before data, as zeros, garbage or
 * old blocks of the disk; every name that was made, renamed or removed since its folder was synced is undone by
 * itself. A sector that holds synced bytes is replaced whole or not at all. A sync that goes on in the background makes
 * durable, when it ends, what had been written when it began; until then it counts for nothing. Whoever makes the call
 * for the sync of a file may come to it late: by then its descriptor must stand for the same file.
 */
import { FOREIGN, NO_FILE, type PathKind, type StoreIo } from '../../src/store/disk/io.js';
import type { Random } from './random.js';

const SECTOR = 512;
/** Old sectors that may appear again in new files. */
const STALE_MAX = 64;

function errno(code: string, path = ''): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

const parts = new Map<string, readonly string[]>();

/** The names of a path; the same few hundred paths are asked for again and again. */
function partsOf(path: string): readonly string[] {
  let names = parts.get(path);
  if (names === undefined) parts.set(path, (names = path.split('/').filter((name) => name !== '')));
  return names;
}

class FileNode {
  bytes = Buffer.alloc(0);
  size = 0;
  durable = Buffer.alloc(0);
  /** sectors that were written since the last sync */
  readonly dirty = new Set<number>();
  /** sectors that a failed sync left in memory only and that no later sync writes, as ext4 and XFS do */
  readonly lost = new Set<number>();
  /** of every background sync that runs: sectors that were written since it began */
  private readonly running = new Set<Set<number>>();

  grow(size: number): void {
    if (size > this.bytes.length) {
      const grown = Buffer.alloc(Math.max(SECTOR, size, this.bytes.length * 2));
      this.bytes.copy(grown, 0, 0, this.size);
      this.bytes = grown;
    }
    if (size > this.size) this.size = size;
  }

  touch(from: number, to: number): void {
    for (let s = Math.floor(from / SECTOR); s * SECTOR < to; s++) {
      this.dirty.add(s);
      for (const since of this.running) since.add(s);
      this.lost.delete(s);
    }
  }

  sync(): void {
    this.running.clear();
    if (this.dirty.size === 0 && this.durable.length === this.size) return;
    this.durable = this.image();
    this.dirty.clear();
  }

  /** What a sync would make durable now. */
  private image(): Buffer<ArrayBuffer> {
    const synced = Buffer.from(this.bytes.subarray(0, this.size));
    for (const sector of this.lost) {
      const from = sector * SECTOR;
      synced.fill(0, Math.min(from, this.size), Math.min(from + SECTOR, this.size));
      const end = Math.min(from + SECTOR, this.durable.length);
      if (from < end) this.durable.copy(synced, from, from, end);
    }
    return synced;
  }

  /** Begins a sync; the answer ends it, unless one that began later has ended before. */
  beginSync(): () => void {
    const image = this.image();
    const since = new Set<number>();
    this.running.add(since);
    return () => {
      if (!this.running.has(since)) return;
      for (const earlier of this.running) {
        this.running.delete(earlier);
        if (earlier === since) break;
      }
      this.durable = image;
      for (const sector of this.dirty) if (!since.has(sector)) this.dirty.delete(sector);
    };
  }

  failSync(): void {
    this.running.clear();
    for (const sector of this.dirty) this.lost.add(sector);
    this.dirty.clear();
  }
}

class FolderNode {
  readonly entries = new Map<string, Node>();
  /** what a name stood for since the last sync, oldest first */
  readonly history = new Map<string, { readonly node: Node | undefined }[]>();

  sync(): void {
    this.history.clear();
  }

  /** As of a file; what another sync has made durable meanwhile is not in the history any more. */
  beginSync(): () => void {
    const newest = new Map([...this.history].map(([name, history]) => [name, history.at(-1)]));
    return () => {
      for (const [name, entry] of newest) {
        const history = this.history.get(name) ?? [];
        const later = history.slice(Math.max(0, history.indexOf(entry as { node: Node })));
        if (later.length > 1) this.history.set(name, later);
        else this.history.delete(name);
      }
    };
  }

  set(name: string, node: Node | undefined): void {
    const history = this.history.get(name) ?? [{ node: this.entries.get(name) }];
    this.history.set(name, [...history, { node }]);
    if (node === undefined) this.entries.delete(name);
    else this.entries.set(name, node);
  }
}

type Node = FileNode | FolderNode;

export class SimulatedDisk implements StoreIo {
  /** every call but those that only look */
  calls = 0;
  /** the process is gone: nothing has an effect any more */
  dead = false;
  /** the background sync of a file or folder has ended when it is looked at */
  prompt = false;
  private dieAt = Number.POSITIVE_INFINITY;
  private root = new FolderNode();
  private readonly open_ = new Map<number, FileNode>();
  private readonly stale: Buffer[] = [];
  /** what ends the background sync, node by node */
  private syncing: (() => void)[] = [];
  /** the sync of one file or folder: makes the call when nobody has yet; the answer ends it */
  private calling: (() => () => void) | undefined;

  constructor(private readonly random: Random) {}

  /** Lets the process die at one of its next calls. */
  dieAfter(calls: number): void {
    this.dieAt = this.calls + calls;
  }

  /** A new process finds what the old one left; after a power cut that is less. */
  restart(powerCut: boolean): void {
    this.dead = false;
    this.dieAt = Number.POSITIVE_INFINITY;
    this.open_.clear();
    this.syncing = [];
    this.calling = undefined;
    if (powerCut) this.cutFolder(this.root);
  }

  private call(): boolean {
    if (this.dead) throw errno('EIO', 'the process is dead');
    this.calls++;
    if (this.calls < this.dieAt) return true;
    this.dead = true;
    return false;
  }

  /** Before or behind the effect of the call that the process dies in. */
  private effect(act: () => void): void {
    const alive = this.call();
    if (alive || this.random.chance(0.5)) act();
    if (!alive) throw errno('EIO', 'the process died');
  }

  private resolve(path: string): Node | undefined {
    let node: Node | undefined = this.root;
    for (const part of partsOf(path)) {
      if (!(node instanceof FolderNode)) return undefined;
      node = node.entries.get(part);
    }
    return node;
  }

  private folderOf(path: string): { folder: FolderNode; name: string } {
    const at = path.lastIndexOf('/');
    const folder = this.resolve(path.slice(0, at));
    if (!(folder instanceof FolderNode)) throw errno('ENOENT', path);
    return { folder, name: path.slice(at + 1) };
  }

  private file(fd: number): FileNode {
    const file = this.open_.get(fd);
    if (file === undefined) throw errno('EBADF');
    return file;
  }

  open(path: string): number {
    const { folder, name } = this.folderOf(path);
    let node = folder.entries.get(name);
    if (node instanceof FolderNode) throw errno('EISDIR', path);
    if (node === undefined) {
      const made = (node = new FileNode());
      this.effect(() => folder.set(name, made));
    }
    return this.descriptor(node);
  }

  openExisting(path: string): number {
    const node = this.resolve(path);
    if (!(node instanceof FileNode)) throw errno('ENOENT', path);
    return this.descriptor(node);
  }

  openToRead(path: string): number {
    return this.openExisting(path);
  }

  private descriptor(node: FileNode): number {
    if (this.dead) throw errno('EIO', 'the process is dead');
    // the lowest number that is free, as the kernel does
    let fd = 3;
    while (this.open_.has(fd)) fd++;
    this.open_.set(fd, node);
    return fd;
  }

  close(fd: number): void {
    if (!this.open_.delete(fd) && !this.dead) throw errno('EBADF');
  }

  write(fd: number, bytes: Uint8Array, from: number, to: number, position: number): void {
    const file = this.file(fd);
    this.effect(() => {
      const end = position + to - from;
      const before = file.size;
      file.grow(end);
      file.bytes.set(bytes.subarray(from, to), position);
      // a gap is made of zeros, which are written as well
      file.touch(Math.min(before, position), end);
    });
  }

  read(fd: number, bytes: Uint8Array, from: number, position: number): number {
    const file = this.file(fd);
    const count = Math.max(0, Math.min(bytes.length - from, file.size - position));
    bytes.set(file.bytes.subarray(position, position + count), from);
    return count;
  }

  /** It is never full. */
  freeBytes(): number {
    return Number.MAX_SAFE_INTEGER;
  }

  sizeOf(path: string): number {
    const node = this.resolve(path);
    return node instanceof FileNode ? node.size : node === undefined ? NO_FILE : FOREIGN;
  }

  kindOf(path: string): PathKind {
    const node = this.resolve(path);
    return node === undefined ? 'none' : node instanceof FileNode ? 'file' : 'folder';
  }

  truncate(fd: number, bytes: number): void {
    const file = this.file(fd);
    if (file.size === bytes) return;
    this.effect(() => {
      if (bytes < file.size) {
        file.bytes.fill(0, bytes, file.size);
        file.touch(bytes, bytes + 1);
        file.size = bytes;
      } else {
        file.touch(file.size, bytes);
        file.grow(bytes);
      }
    });
  }

  makeFolder(path: string): void {
    let folder = this.root;
    for (const part of partsOf(path)) {
      let next = folder.entries.get(part);
      if (next instanceof FileNode) throw errno('ENOTDIR', path);
      if (next === undefined) {
        const made = (next = new FolderNode());
        const parent = folder;
        this.effect(() => parent.set(part, made));
      }
      folder = next;
    }
  }

  list(folder: string): string[] {
    const node = this.resolve(folder);
    return node instanceof FolderNode ? [...node.entries.keys()].sort() : [];
  }

  rename(from: string, to: string): void {
    const source = this.folderOf(from);
    const target = this.folderOf(to);
    const node = source.folder.entries.get(source.name);
    if (node === undefined) throw errno('ENOENT', from);
    this.effect(() => {
      target.folder.set(target.name, node);
      source.folder.set(source.name, undefined);
    });
  }

  unlink(path: string): void {
    const { folder, name } = this.folderOf(path);
    const node = folder.entries.get(name);
    if (!(node instanceof FileNode)) throw errno('ENOENT', path);
    this.effect(() => {
      folder.set(name, undefined);
      this.bury(node);
    });
  }

  /** The blocks of a removed file lie on the disk until a new one gets them. */
  private bury(file: FileNode): void {
    for (let at = 0; at < file.size; at += SECTOR) {
      if (this.stale.length >= STALE_MAX) this.stale.shift();
      this.stale.push(Buffer.from(file.bytes.subarray(at, Math.min(file.size, at + SECTOR))));
    }
  }

  fdatasync(fd: number): void {
    const file = this.file(fd);
    this.effect(() => file.sync());
  }

  syncFolder(path: string): void {
    const node = this.resolve(path);
    if (!(node instanceof FolderNode)) throw errno('ENOENT', path);
    this.effect(() => node.sync());
  }

  beginFdatasync(fd: number): void {
    this.beginCall(() => this.file(fd).beginSync());
  }

  beginSyncFolder(path: string): void {
    const node = this.resolve(path);
    if (!(node instanceof FolderNode)) throw errno('ENOENT', path);
    this.beginCall(() => node.beginSync());
  }

  private beginCall(call: () => () => void): void {
    this.effect(() => {
      const end = this.random.chance(0.5) ? call() : undefined;
      this.calling = end === undefined ? call : () => end;
    });
  }

  syncEnded(wait: boolean): boolean {
    if (this.dead) throw errno('EIO', 'the process is dead');
    const { calling } = this;
    if (calling === undefined) return true;
    // at any time, also behind any number of other calls
    if (!wait && !this.prompt && this.random.chance(0.5)) return false;
    this.calling = undefined;
    const end = calling();
    this.effect(end);
    return true;
  }

  syncFs(): void {
    const alive = this.call();
    // one that is cut short has synced this and that
    this.syncTree(this.root, alive ? 1 : 0.5);
    if (!alive) throw errno('EIO', 'the process died');
  }

  private syncTree(folder: FolderNode, part: number): void {
    if (this.random.next() < part) folder.sync();
    for (const node of folder.entries.values()) {
      if (node instanceof FolderNode) this.syncTree(node, part);
      else if (this.random.next() < part) node.sync();
    }
  }

  beginSyncFs(): void {
    this.effect(() => {
      this.syncing = [];
      this.beginTree(this.root, this.syncing);
    });
  }

  private beginTree(folder: FolderNode, ends: (() => void)[]): void {
    ends.push(folder.beginSync());
    for (const node of folder.entries.values()) {
      if (node instanceof FolderNode) this.beginTree(node, ends);
      else ends.push(node.beginSync());
    }
  }

  syncFsEnded(): boolean {
    if (this.dead) throw errno('EIO', 'the process is dead');
    // at any time, also behind any number of other calls
    if (this.random.chance(0.5)) return false;
    this.effect(() => {
      for (const end of this.syncing) end();
    });
    this.syncing = [];
    return true;
  }

  private cutFolder(folder: FolderNode): void {
    for (const [name, history] of folder.history) {
      const { node } = this.random.of(history);
      if (node === undefined) folder.entries.delete(name);
      else folder.entries.set(name, node);
    }
    folder.history.clear();
    for (const node of folder.entries.values()) {
      if (node instanceof FolderNode) this.cutFolder(node);
      else this.cutFile(node);
    }
  }

  private cutFile(file: FileNode): void {
    const { durable, dirty } = file;
    const { random } = this;
    if (dirty.size + file.lost.size === 0 && durable.length === file.size) return;
    const size = this.sizeAfterCut(durable.length, file.size);
    const after = Buffer.alloc(size);
    durable.copy(after, 0, 0, Math.min(size, durable.length));
    for (const sector of dirty) {
      const from = sector * SECTOR;
      if (from >= size) continue;
      const to = Math.min(size, from + SECTOR);
      const kept = random.chance(0.5);
      if (kept) {
        after.fill(0, from, to);
        file.bytes.copy(after, from, from, Math.min(to, file.size));
      } else if (from >= durable.length) this.lost(after, from, to);
    }
    file.bytes = after;
    file.size = size;
    file.durable = Buffer.from(after);
    dirty.clear();
    file.lost.clear();
  }

  private sizeAfterCut(durable: number, size: number): number {
    const choice = this.random.below(4);
    if (choice === 0) return durable;
    if (choice < 3 || size <= durable) return size;
    return durable + this.random.below(size - durable + 1);
  }

  /** What stands in a block that never got its data. */
  private lost(bytes: Buffer, from: number, to: number): void {
    const choice = this.random.below(4);
    if (choice === 0) for (let i = from; i < to; i++) bytes[i] = this.random.below(256);
    else if (choice === 1 && this.stale.length > 0)
      this.random.of(this.stale).copy(bytes, from, 0, to - from);
  }

  /** The call that was begun has failed. */
  forgetSync(): void {
    this.calling = undefined;
  }

  /** What a failed fdatasync does: the data stays in memory, and is taken for written from now on. */
  failFdatasync(fd: number): void {
    this.file(fd).failSync();
  }

  /** The same for all files. */
  failSyncFs(folder: FolderNode = this.root): void {
    for (const node of folder.entries.values()) {
      if (node instanceof FolderNode) this.failSyncFs(node);
      else node.failSync();
    }
  }

  /** The bytes of a file as a process sees them. */
  contentOf(path: string): Buffer | undefined {
    const node = this.resolve(path);
    return node instanceof FileNode ? node.bytes.subarray(0, node.size) : undefined;
  }

  /** Changes bytes of a file for good, as decay does. */
  damage(path: string, position: number, bytes: Uint8Array): void {
    const node = this.resolve(path) as FileNode;
    node.bytes.set(bytes, position);
    node.sync();
  }
}
