/**
 * Whose a folder of Parquet files is. Rows are known by their numbers, so a folder holds those of one sink and of one data
 * directory: what another one brings under the same numbers would be taken for rows that are there. The folder has an id,
 * and the sink is given it with its cursor, which is gone when the data directory is a new one.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { LoggerError } from '../../base/errors.js';
import { readWhole, replaceFile, type StoreIo } from '../../store/disk/io.js';

const FILE = 'owner.json';

/** What a flush answers. */
export interface OwnerState {
  readonly id: string;
}

interface Owner extends OwnerState {
  readonly sink: string;
  /** whether the cursor of the sink is known to hold the id */
  readonly confirmed: boolean;
}

export class FolderOwner {
  private owner: Owner;
  private flushes = 0;

  /** `state`: what the cursor of the sink holds. */
  constructor(
    private readonly io: StoreIo,
    /** where what belongs to the folder but is no row stands */
    private readonly staging: string,
    sink: string,
    state: unknown,
  ) {
    const found = this.read();
    const held = (state as OwnerState | undefined)?.id;
    const refused = found === undefined ? undefined : refusalOf(found, sink, held);
    if (refused !== undefined)
      throw new LoggerError('CONFIG_INVALID', `${join(staging, '..')} ${refused}; give ${sink} another path`);
    this.owner = found ?? { sink, id: held ?? randomUUID(), confirmed: false };
    if (found === undefined) this.write();
    else if (found.id === held) this.confirm();
  }

  /** What the cursor is to hold; when it is asked for again, the cursor holds it. */
  flushed(): OwnerState {
    if (this.flushes++ > 0) this.confirm();
    return { id: this.owner.id };
  }

  private confirm(): void {
    if (this.owner.confirmed) return;
    this.owner = { ...this.owner, confirmed: true };
    this.write();
  }

  private read(): Owner | undefined {
    const bytes = readWhole(this.io, join(this.staging, FILE));
    return bytes === undefined ? undefined : (JSON.parse(bytes.toString('utf8')) as Owner);
  }

  private write(): void {
    replaceFile(this.io, this.staging, FILE, Buffer.from(JSON.stringify(this.owner)));
  }
}

/** Why a folder is not that of a sink whose cursor holds this id; undefined when it is. */
function refusalOf(
  { sink, id, confirmed }: Owner,
  name: string,
  held: string | undefined,
): string | undefined {
  if (sink !== name) return `belongs to the sink ${sink}`;
  return confirmed && id !== held
    ? 'has rows of another data directory, or of before this sink was removed (then remove .staging/owner.json)'
    : undefined;
}
