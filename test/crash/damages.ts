/**
 * Kinds of damage to a data directory whose logger has ended. Each says what it does, whose bytes are the damage, what
 * the logger has to make of it, and in which words it has to be told.
 */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
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

/** A copy of a data directory, with a place beside it for what links lead to. */
export class DamageScene {
  /** the symbol that is damaged, and its table of trades: `coinbase/BTC-USD` */
  readonly symbol: string;
  readonly table: string;
  readonly stamp: string;

  constructor(
    readonly data: string,
    readonly elsewhere: string,
  ) {
    const [symbol] = readdirSync(join(data, 'coinbase')).filter((name) => !name.includes('.'));
    this.symbol = `coinbase/${symbol}`;
    this.table = `${this.symbol}/TRADES`;
    const [file] = readdirSync(join(data, this.table)).filter((name) => name.startsWith('trade_id.'));
    this.stamp = file.slice('trade_id.'.length, -'.bin'.length);
  }

  /** Path of a column below the data directory. */
  column(name: string, table = this.table, stamp = this.stamp): string {
    return `${table}/${name}.${stamp}.bin`;
  }

  at(path: string): string {
    return join(this.data, path);
  }

  bytes(path: string): Buffer {
    return readFileSync(this.at(path));
  }

  /** Files of a table on the day, by their names without it. */
  files(table = this.table): string[] {
    return readdirSync(this.at(table)).filter((name) => name.includes(this.stamp));
  }

  segments(): string[] {
    const names = readdirSync(this.at('journal')).filter((name) => /^\d+\.segment$/.test(name));
    return names.sort().map((name) => `journal/${name}`);
  }

  get lastSegment(): string {
    return this.segments().at(-1) as string;
  }

  remove(path: string): void {
    rmSync(this.at(path), { recursive: true });
  }

  /** In place of what stands there. */
  link(path: string, target: string): void {
    rmSync(this.at(path), { recursive: true, force: true });
    symlinkSync(target, this.at(path));
  }

  /** Moves something out of the directory and leaves a link to it. */
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

  flip(path: string, offset: number, mask = 0x40): void {
    const bytes = this.bytes(path);
    bytes[offset < 0 ? bytes.length + offset : offset] ^= mask;
    writeFileSync(this.at(path), bytes);
  }

  cut(path: string, bytes: number): void {
    truncateSync(this.at(path), statSync(this.at(path)).size - bytes);
  }

  append(path: string, bytes: number): void {
    appendFileSync(this.at(path), Buffer.alloc(bytes, 7));
  }

  /** The day of the files of a table becomes another one, as if they had been written then. */
  redate(days: number, table = this.table): string {
    const date = new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10);
    const stamp = `${date.slice(8)}.${date.slice(5, 7)}.${date.slice(2, 4)}`;
    for (const name of this.files(table))
      renameSync(this.at(`${table}/${name}`), this.at(`${table}/${name.replace(this.stamp, stamp)}`));
    return stamp;
  }
}

export interface Damage {
  readonly name: string;
  /** the end of the logger before: in order, or killed with rows behind its checkpoint */
  readonly end: 'stopped' | 'killed';
  /** what the directory holds before, beyond what was captured */
  readonly prepare?: (scene: DamageScene) => void;
  readonly damage: (scene: DamageScene) => void;
  /** what is damaged in place, below the data directory: a file, or everything in a folder */
  readonly spoils?: (scene: DamageScene) => readonly string[];
  /** rows that are listed as lost although nobody can know whether there were any: bytes that nobody has written */
  readonly made_up_rows?: (scene: DamageScene) => Readonly<Record<string, number>>;
  /** what a line of the log, /health or the last words say */
  readonly told?: RegExp;
  /** what `logger verify` says in the end: no start can see it */
  readonly verified?: RegExp;
  /** It does not start, with this status, and changes nothing; then the remedy that its last words name. */
  readonly refused?: {
    readonly status: number;
    readonly remedy?: (scene: DamageScene) => void;
    readonly then?: 'accept loss';
  };
  /** a message that cannot be read arrives in the meantime */
  readonly garbage?: boolean;
  /** The logger runs as a user whom modes stop. */
  readonly unprivileged?: boolean;
}

const PRICE = 'trade_price';
const EXACT = ['price_digits', 'size_digits', 'scales'];
const spoilsColumn = (name: string) => (s: DamageScene) => [s.column(name)];
const spoilsTable = (s: DamageScene) => [s.table];
const spoilsJournal = () => ['journal'];
const refused = { status: 78, then: 'accept loss' } as const;
/** Unusable until it is moved away, as the message says. */
const inTheWay = (path: string) => ({
  status: 74,
  remedy: (s: DamageScene) => renameSync(s.at(path), join(s.elsewhere, 'moved')),
});

const COLUMNS: readonly Damage[] = [
  ...(['stopped', 'killed'] as const).flatMap((end): Damage[] => {
    // what was durable at the checkpoint is asked for; without a crash the writer judges by itself
    const short = end === 'killed' ? { refused, told: /file-short/ } : { told: /trade_price/ };
    return [
      { name: 'column missing', end, damage: (s) => s.remove(s.column(PRICE)), spoils: spoilsColumn(PRICE), ...short },
      { name: 'column empty', end, damage: (s) => truncateSync(s.at(s.column(PRICE)), 0), spoils: spoilsColumn(PRICE), ...short },
      { name: 'column cut within a row', end, damage: (s) => truncateSync(s.at(s.column(PRICE)), 50 * 4 + 3), spoils: spoilsColumn(PRICE), ...short, ...(end === 'stopped' ? { told: /TRADES/ } : {}) },
      { name: 'column is a dangling link', end, damage: (s) => s.link(s.column(PRICE), join(s.elsewhere, 'nowhere')), spoils: spoilsColumn(PRICE), told: /trade_price/ },
      { name: 'column is a link to a file', end, damage: (s) => s.moveAway(s.column(PRICE)), told: /trade_price/ },
      { name: 'column is a link to itself', end, damage: (s) => s.link(s.column(PRICE), `${PRICE}.${s.stamp}.bin`), spoils: spoilsColumn(PRICE), told: /trade_price/ },
      { name: 'column is a folder', end, damage: (s) => s.folderInstead(s.column(PRICE)), spoils: spoilsColumn(PRICE), told: /trade_price/ },
      { name: 'column is a pipe', end, damage: pipe, spoils: spoilsColumn(PRICE), told: /trade_price/ },
    ];
  }), // biome-ignore format: a table
  {
    name: 'column longer by rows',
    end: 'stopped',
    damage: (s) => s.append(s.column(PRICE), 5 * 4),
    made_up_rows: (s) => ({ [`${s.table} ${s.stamp}`]: 5 }),
    told: /TRADES/,
  },
  {
    name: 'column longer by bytes',
    end: 'stopped',
    damage: (s) => s.append(s.column(PRICE), 3),
    told: /TRADES/,
  },
  {
    name: 'every column cut by the same rows',
    end: 'killed',
    damage: (s) => {
      for (const name of s.files()) truncateSync(s.at(`${s.table}/${name}`), 0);
    },
    spoils: spoilsTable,
    refused,
    told: /file-short/,
  },
  {
    name: 'two columns changed places',
    end: 'stopped',
    damage: (s) => {
      renameSync(s.at(s.column(PRICE)), s.at('moved'));
      renameSync(s.at(s.column('trade_size')), s.at(s.column(PRICE)));
      renameSync(s.at('moved'), s.at(s.column('trade_size')));
    },
    spoils: (s) => [s.column(PRICE), s.column('trade_size')],
    verified: /TRADES.*(price|size)/,
  },
  {
    name: 'bit of a price flipped',
    end: 'stopped',
    damage: (s) => s.flip(s.column(PRICE), 4 * 4 + 2),
    spoils: spoilsColumn(PRICE),
    verified: /TRADES.*price/,
  },
  {
    name: 'bit of an old id flipped',
    end: 'stopped',
    damage: (s) => s.flip(s.column('trade_id'), 8 * 8, 0x10),
    spoils: spoilsColumn('trade_id'),
    verified: /TRADES/,
  },
  {
    name: 'high bit of the newest id flipped',
    end: 'stopped',
    damage: (s) => s.flip(s.column('trade_id'), -3, 0x01),
    spoils: spoilsColumn('trade_id'),
    verified: /TRADES/,
  },
  {
    name: 'one of the exact columns missing',
    end: 'stopped',
    damage: (s) => s.remove(s.column(EXACT[0])),
    spoils: spoilsColumn(EXACT[0]),
    told: /price_digits/,
  },
  {
    name: 'all exact columns missing',
    end: 'stopped',
    damage: (s) => {
      for (const name of EXACT) s.remove(s.column(name));
    },
    spoils: (s) => EXACT.map((name) => s.column(name)),
  },
  {
    name: 'column that cannot be changed',
    end: 'stopped',
    damage: (s) => chmodSync(s.at(s.column(PRICE)), 0o444),
    unprivileged: true,
    told: /trade_price/,
  },
  {
    name: 'column that cannot be read',
    end: 'stopped',
    damage: (s) => chmodSync(s.at(s.column('trade_id')), 0),
    unprivileged: true,
    told: /trade_id/,
  },
];

/** Who opens it for writing waits until somebody reads. */
function pipe(s: DamageScene): void {
  s.remove(s.column(PRICE));
  execFileSync('mkfifo', [s.at(s.column(PRICE))]);
}

const FOLDERS: readonly Damage[] = [
  { name: 'table folder missing', end: 'stopped', damage: (s) => s.remove(s.table), spoils: spoilsTable },
  {
    name: 'table folder missing',
    end: 'killed',
    damage: (s) => s.remove(s.table),
    spoils: spoilsTable,
    refused,
    told: /file-short/,
  },
  {
    name: 'symbol folder missing',
    end: 'stopped',
    damage: (s) => s.remove(s.symbol),
    spoils: (s) => [s.symbol],
  },
  {
    name: 'exchange folder missing',
    end: 'killed',
    damage: (s) => s.remove('coinbase'),
    spoils: () => ['coinbase'],
    refused,
    told: /file-short/,
  },
  ...(['stopped', 'killed'] as const).flatMap((end): Damage[] => [
    { name: 'table folder is a link', end, damage: (s) => s.moveAway(s.table), told: /TRADES/ },
    { name: 'symbol folder is a link', end, damage: (s) => s.moveAway(s.symbol), told: /coinbase/ },
    { name: 'table folder is a file', end, damage: (s) => s.fileInstead(s.table), spoils: spoilsTable, told: /TRADES/ },
  ]), // biome-ignore format: a table
  {
    name: 'exchange folder is a link',
    end: 'stopped',
    damage: (s) => s.moveAway('coinbase'),
    told: /coinbase/,
  },
  {
    name: 'table folder that cannot be written',
    end: 'stopped',
    damage: (s) => chmodSync(s.at(s.table), 0o555),
    unprivileged: true,
  },
  {
    name: 'data directory that cannot be written',
    end: 'stopped',
    damage: (s) => {
      s.remove('journal');
      chmodSync(s.data, 0o555);
    },
    unprivileged: true,
    told: /cannot (write|use|lock)/,
    refused: { status: 74, remedy: (s) => chmodSync(s.data, 0o755) },
  },
  {
    name: 'files of somebody else among the columns',
    end: 'killed',
    damage: (s) => {
      s.fileInstead(`${s.table}/notes.txt`);
      s.fileInstead(s.column('worth'));
      copyFileSync(s.at(s.column(PRICE)), s.at(`${s.column(PRICE)}.bak`));
    },
  },
  {
    name: 'quarantine is a link',
    end: 'stopped',
    damage: (s) => {
      s.link('quarantine', s.elsewhere);
    },
  },
  {
    name: 'lock is a folder',
    end: 'stopped',
    damage: (s) => s.folderInstead('lock'),
    told: /lock/,
    refused: inTheWay('lock'),
  },
  { name: 'lock missing', end: 'stopped', damage: (s) => s.remove('lock') },
];

/** Rows of a day that is over; the next start finds them there. */
const yesterday = { prepare: (s: DamageScene) => void s.redate(-1) };
const stampOf = (s: DamageScene) => {
  const [name] = readdirSync(s.at(s.table)).filter((file) => file.startsWith('trade_id.'));
  return name.slice('trade_id.'.length, -'.bin'.length);
};

const DAYS: readonly Damage[] = [
  {
    ...yesterday,
    name: 'column of a past day missing',
    end: 'stopped',
    damage: (s) => s.remove(s.column(PRICE, s.table, stampOf(s))),
    spoils: (s) => [s.column(PRICE, s.table, stampOf(s))],
    told: /trade_price|TRADES/,
    verified: /trade_price|TRADES/,
  },
  {
    ...yesterday,
    name: 'column of a past day cut',
    end: 'stopped',
    damage: (s) => truncateSync(s.at(s.column(PRICE, s.table, stampOf(s))), 50),
    spoils: (s) => [s.column(PRICE, s.table, stampOf(s))],
    told: /trade_price|TRADES/,
    verified: /trade_price|TRADES/,
  },
  {
    ...yesterday,
    name: 'checksum file that is garbage',
    end: 'stopped',
    damage: (s) => s.fileInstead(`${s.table}/checksums.${stampOf(s)}.json`, '{"rows":'),
    told: /checksum/,
    verified: /checksum/,
  },
  {
    ...yesterday,
    name: 'checksum file that is a folder',
    end: 'stopped',
    damage: (s) => s.folderInstead(`${s.table}/checksums.${stampOf(s)}.json`),
    told: /checksum/,
    verified: /checksum/,
  },
  {
    name: 'rows under a day to come',
    end: 'stopped',
    damage: (s) => void s.redate(30),
    spoils: spoilsTable,
  },
];

const GAPS: readonly Damage[] = [
  {
    name: 'column of GAPS missing',
    end: 'stopped',
    damage: (s) => s.remove(s.column('from_id', `${s.symbol}/GAPS`)),
    spoils: (s) => [s.column('from_id', `${s.symbol}/GAPS`)],
    told: /GAPS/,
  },
  {
    name: 'column of GAPS is a link',
    end: 'killed',
    damage: (s) => s.moveAway(s.column('to_id', `${s.symbol}/GAPS`)),
    told: /GAPS/,
  },
  {
    name: 'GAPS cut within a row',
    end: 'stopped',
    damage: (s) => s.cut(s.column('cause', `${s.symbol}/GAPS`), 2),
    told: /GAPS/,
  },
  {
    name: 'GAPS is a file',
    end: 'stopped',
    damage: (s) => s.fileInstead(`${s.symbol}/GAPS`),
    spoils: (s) => [`${s.symbol}/GAPS`],
    told: /GAPS/,
  },
];

const sidecar = (s: DamageScene) => `${s.table}/literals.${s.stamp}.jsonl`;
const rejected = (s: DamageScene) => `coinbase/rejected.${s.stamp}.jsonl`;

const TEXTS: readonly Damage[] = [
  {
    name: 'side-car with lines of rows that are not there',
    end: 'stopped',
    damage: (s) => s.fileInstead(sidecar(s), '{"row":99999999,"column":"trade_price","text":"1e400"}\n'),
    spoils: (s) => [sidecar(s)],
    verified: /literals/,
  },
  {
    name: 'side-car is a folder',
    end: 'stopped',
    damage: (s) => s.folderInstead(sidecar(s)),
    told: /literals/,
  },
  {
    name: 'refused messages: a folder in the place of the file',
    end: 'stopped',
    damage: (s) => s.folderInstead(rejected(s)),
    garbage: true,
    told: /rejected/,
  },
  {
    name: 'refused messages: the file is missing',
    end: 'killed',
    damage: (s) => s.remove(rejected(s)),
    refused,
    told: /file-short/,
  },
];

const CHECKPOINT = 'journal/checkpoint';

const JOURNAL: readonly Damage[] = [
  {
    name: 'journal missing',
    end: 'stopped',
    damage: (s) => s.remove('journal'),
    spoils: spoilsJournal,
    told: /journal-missing|no journal/,
  },
  {
    name: 'journal missing',
    end: 'killed',
    damage: (s) => s.remove('journal'),
    spoils: spoilsJournal,
    told: /journal-missing|no journal/,
  },
  {
    name: 'journal is a file',
    end: 'killed',
    damage: (s) => s.fileInstead('journal'),
    told: /journal/,
    refused: inTheWay('journal'),
  },
  {
    name: 'journal is a link',
    end: 'killed',
    damage: (s) => s.moveAway('journal'),
    told: /journal/,
    refused: inTheWay('journal'),
  },
  ...(
    [
      ['missing', (s) => s.remove(CHECKPOINT), /checkpoint-missing/],
      ['empty', (s) => truncateSync(s.at(CHECKPOINT), 0), /checkpoint-damaged/],
      ['garbage', (s) => s.fileInstead(CHECKPOINT), /checkpoint-damaged/],
      ['with a flipped bit', (s) => s.flip(CHECKPOINT, 30), /checkpoint-damaged/],
    ] as const satisfies readonly (readonly [string, Damage['damage'], RegExp])[]
  ).map(
    ([what, damage, told]): Damage => ({ name: `checkpoint ${what}`, end: 'killed', damage, told, refused }),
  ),
  {
    name: 'checkpoint garbage',
    end: 'stopped',
    damage: (s) => s.fileInstead(CHECKPOINT),
    told: /checkpoint-damaged/,
    refused,
  },
  {
    name: 'checkpoint is a folder',
    end: 'killed',
    damage: (s) => s.folderInstead(CHECKPOINT),
    told: /checkpoint/,
    refused: { ...inTheWay(CHECKPOINT), then: 'accept loss' },
  },
  {
    name: 'last segment missing',
    end: 'killed',
    damage: (s) => s.remove(s.lastSegment),
    told: /segment-missing/,
    refused,
  },
  {
    name: 'last segment empty',
    end: 'killed',
    damage: (s) => truncateSync(s.at(s.lastSegment), 0),
    told: /unborn-segment|nothing in it can be read/,
  },
  {
    name: 'last segment cut in the middle',
    end: 'killed',
    damage: (s) => truncateSync(s.at(s.lastSegment), statSync(s.at(s.lastSegment)).size >> 1),
    told: /file-long|beyond the journal/,
  },
  {
    name: 'last segment garbage',
    end: 'killed',
    damage: (s) => writeFileSync(s.at(s.lastSegment), Buffer.alloc(statSync(s.at(s.lastSegment)).size, 7)),
    told: /unborn-segment|nothing in it can be read/,
  },
  {
    name: 'bit of a block flipped',
    end: 'killed',
    damage: (s) => s.flip(s.lastSegment, statSync(s.at(s.lastSegment)).size >> 1),
    told: /damaged-block/,
    refused,
  },
  {
    name: 'bit of the head of a segment flipped',
    end: 'killed',
    damage: (s) => s.flip(s.lastSegment, 100),
    told: /head-damaged/,
    refused,
  },
  { name: 'last segment longer', end: 'killed', damage: (s) => s.append(s.lastSegment, 5000) },
  {
    name: 'segment is a folder',
    end: 'killed',
    damage: (s) => s.folderInstead(s.lastSegment),
    told: /unborn-segment|nothing in it can be read/,
  },
  {
    name: 'next segment is garbage',
    end: 'killed',
    damage: (s) => s.fileInstead('journal/next'),
  },
  {
    name: 'cursor is garbage',
    end: 'killed',
    damage: (s) => s.fileInstead('journal/cursors/sink.json'),
    told: /cursor/,
  },
  {
    name: 'cursor ahead of the journal',
    end: 'stopped',
    damage: (s) => s.fileInstead('journal/cursors/sink.json', '{"position":99999999}'),
    told: /cursor/,
  },
  {
    name: 'cursors are a file',
    end: 'stopped',
    damage: (s) => s.fileInstead('journal/cursors'),
    told: /cursors/,
    refused: inTheWay('journal/cursors'),
  },
  {
    name: 'losses are garbage',
    end: 'stopped',
    damage: (s) => s.fileInstead('journal/losses'),
    told: /losses/,
  },
];

export const DAMAGES: readonly Damage[] = [...COLUMNS, ...FOLDERS, ...DAYS, ...GAPS, ...TEXTS, ...JOURNAL];

export function exists(path: string): boolean {
  return existsSync(path);
}
