/**
 * Kinds of damage to a data directory whose logger has ended. Each says what it does, whose bytes are the damage, what
 * the logger has to make of it, and in which words it has to be told.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { DamageScene } from './damage_scene.js';

type Act = (scene: DamageScene) => void;
type Paths = (scene: DamageScene) => readonly string[];

/** What is expected beyond a start that goes on without a word and keeps every row. */
interface Expected {
  /** what the directory holds before, beyond what was captured */
  readonly prepare?: Act;
  /** what is damaged in place, below the data directory: a file, or everything in a folder */
  readonly spoils?: Paths;
  /** by table-day: rows that are listed although nobody can know whether there were any, for bytes that nobody has written */
  readonly made_up_rows?: (scene: DamageScene) => Readonly<Record<string, number>>;
  /** what a line of the log, /health or the last words say */
  readonly told?: RegExp;
  /** what `logger verify` says in the end: it is left where it is */
  readonly verified?: RegExp;
  /** It does not start, with this status, and changes nothing; then the way out that its last words name. */
  readonly refused?: { readonly status: number; readonly remedy?: Act; readonly accept_loss?: boolean };
  /** The logger runs as a user whom modes stop. */
  readonly unprivileged?: boolean;
  /** A message that cannot be read arrives in the meantime. */
  readonly garbage?: boolean;
}

/** The end of the logger before: in order, or killed with rows behind its checkpoint. */
export type End = 'stopped' | 'killed';

export interface Damage extends Expected {
  readonly name: string;
  readonly end: End;
  readonly act: Act;
}

const stopped = (name: string, act: Act, expected: Expected = {}): Damage => ({
  ...{ name, end: 'stopped', act },
  ...expected,
});
const killed = (name: string, act: Act, expected: Expected = {}): Damage => ({
  ...{ name, end: 'killed', act },
  ...expected,
});
const either = (name: string, act: Act, expected: Expected = {}): Damage[] => [
  stopped(name, act, expected),
  killed(name, act, expected),
];

const REFUSED = { status: 78, accept_loss: true } as const;
/** The journal has durable rows that are not there. */
const SHORT = { refused: REFUSED, told: /file-short/ } as const;

/** Nothing can be done until it is moved away, as the message says. */
const inTheWay = (path: string) => ({
  told: new RegExp(path),
  refused: { status: 74, remedy: (s: DamageScene) => renameSync(s.at(path), join(s.elsewhere, 'moved')) },
});

const PRICE = 'trade_price';
const EXACT = ['price_digits', 'size_digits', 'scales'];
const price = (s: DamageScene) => s.column(PRICE);
const spoilsPrice = { spoils: (s: DamageScene) => [price(s)] };
const spoilsTable = { spoils: (s: DamageScene) => [s.table] };
const TOLD_OF_PRICE = { ...spoilsPrice, told: /trade_price/ };

/** Who opens it for writing waits until somebody reads. */
function pipe(s: DamageScene): void {
  s.remove(price(s));
  execFileSync('mkfifo', [s.at(price(s))]);
}

function emptyAll(s: DamageScene): void {
  for (const file of s.files()) s.cutTo(file, 0);
}

function removeExact(s: DamageScene): void {
  for (const name of EXACT) s.remove(s.column(name));
}

function exchange(s: DamageScene, one: string, other: string): void {
  renameSync(s.at(one), s.at('moved'));
  renameSync(s.at(other), s.at(one));
  renameSync(s.at('moved'), s.at(other));
}

const COLUMNS: readonly Damage[] = [
  stopped('column missing', (s) => s.remove(price(s)), TOLD_OF_PRICE),
  killed('column missing', (s) => s.remove(price(s)), { ...spoilsPrice, ...SHORT }),
  stopped('column empty', (s) => s.cutTo(price(s), 0), TOLD_OF_PRICE),
  killed('column empty', (s) => s.cutTo(price(s), 0), { ...spoilsPrice, ...SHORT }),
  stopped('column cut within a row', (s) => s.cutTo(price(s), 203), { ...spoilsPrice, told: /TRADES/ }),
  killed('column cut within a row', (s) => s.cutTo(price(s), 203), { ...spoilsPrice, ...SHORT }),
  ...either('column is a dangling link', (s) => s.link(price(s), '/nowhere/at/all'), TOLD_OF_PRICE),
  ...either('column is a link to a file', (s) => s.moveAway(price(s)), { told: /trade_price/ }),
  ...either('column is a link to itself', (s) => s.link(price(s), s.at(price(s))), TOLD_OF_PRICE),
  ...either('column is a folder', (s) => s.folderInstead(price(s)), TOLD_OF_PRICE),
  ...either('column is a pipe', pipe, TOLD_OF_PRICE),
  stopped('column longer by rows', (s) => s.append(price(s), 5 * 4), {
    made_up_rows: (s) => ({ [`${s.table} ${s.stamp}`]: 5 }),
    told: /TRADES/,
  }),
  stopped('column longer by bytes', (s) => s.append(price(s), 3), { told: /TRADES/ }),
  killed('every column empty', emptyAll, {
    ...spoilsTable,
    ...SHORT,
  }),
  stopped('two columns changed places', (s) => exchange(s, price(s), s.column('trade_size')), {
    spoils: (s) => [price(s), s.column('trade_size')],
    verified: /TRADES.*(price|size)/,
  }),
  stopped('bit of a price flipped', (s) => s.flip(price(s), 18), {
    ...spoilsPrice,
    verified: /TRADES.*price/,
  }),
  stopped('bit of an old id flipped', (s) => s.flip(s.column('trade_id'), 64, 0x10), {
    spoils: (s) => [s.column('trade_id')],
    verified: /TRADES/,
  }),
  stopped('high bit of the newest id flipped', (s) => s.flip(s.column('trade_id'), -3, 0x01), {
    spoils: (s) => [s.column('trade_id')],
    verified: /TRADES/,
  }),
  stopped('one of the exact columns missing', (s) => s.remove(s.column(EXACT[0])), {
    spoils: (s) => [s.column(EXACT[0])],
    told: /price_digits/,
  }),
  // as a day that began without them
  stopped('all exact columns missing', removeExact, {
    spoils: (s) => EXACT.map((name) => s.column(name)),
  }),
  stopped('column that may not be written', (s) => chmodSync(s.at(price(s)), 0o444), {
    unprivileged: true,
    told: /trade_price/,
  }),
  stopped('column that may not be read', (s) => chmodSync(s.at(s.column('trade_id')), 0), {
    unprivileged: true,
    told: /trade_id/,
  }),
];

const FOLDERS: readonly Damage[] = [
  // behind an orderly end nothing tells that there was any
  stopped('table folder missing', (s) => s.remove(s.table), spoilsTable),
  killed('table folder missing', (s) => s.remove(s.table), { ...spoilsTable, ...SHORT }),
  stopped('symbol folder missing', (s) => s.remove(s.symbol), { spoils: (s) => [s.symbol] }),
  killed('exchange folder missing', (s) => s.remove('coinbase'), { spoils: () => ['coinbase'], ...SHORT }),
  ...either('table folder is a link', (s) => s.moveAway(s.table), { told: /TRADES/ }),
  ...either('symbol folder is a link', (s) => s.moveAway(s.symbol), { told: /coinbase/ }),
  ...either('table folder is a file', (s) => s.fileInstead(s.table), { ...spoilsTable, told: /TRADES/ }),
  stopped('exchange folder is a link', (s) => s.moveAway('coinbase'), { told: /coinbase/ }),
  // its files may be
  stopped('table folder that may not be written', (s) => chmodSync(s.at(s.table), 0o555), {
    unprivileged: true,
  }),
  stopped('data directory that may not be written', closeData, {
    unprivileged: true,
    told: /cannot (write|use|lock)/,
    refused: { status: 74, remedy: (s) => chmodSync(s.data, 0o755) },
  }),
  killed('files of others among the columns', (s) => {
    s.fileInstead(`${s.table}/notes.txt`);
    s.fileInstead(s.column('worth'));
    copyFileSync(s.at(price(s)), s.at(`${price(s)}.bak`));
  }),
  stopped('quarantine is a link', (s) => s.link('quarantine', s.elsewhere)),
  stopped('lock is a folder', (s) => s.folderInstead('lock'), inTheWay('lock')),
  stopped('lock missing', (s) => s.remove('lock')),
];

function closeData(s: DamageScene): void {
  s.remove('journal');
  chmodSync(s.data, 0o555);
}

/** Rows of a day that is over; the next start finds them there. */
const yesterday: Expected = { prepare: (s) => s.redate(-1) };

const DAYS: readonly Damage[] = [
  stopped('column of a past day missing', (s) => s.remove(price(s)), {
    ...{ ...yesterday, ...TOLD_OF_PRICE },
    verified: /trade_price/,
  }),
  stopped('column of a past day cut', (s) => s.cutTo(price(s), 50), {
    ...{ ...yesterday, ...TOLD_OF_PRICE },
    verified: /trade_price/,
  }),
  stopped('checksum file is garbage', (s) => s.fileInstead(`${s.table}/checksums.${s.stamp}.json`), {
    ...yesterday,
    told: /checksum/,
    verified: /checksum/,
  }),
  stopped('checksum file is a folder', (s) => s.folderInstead(`${s.table}/checksums.${s.stamp}.json`), {
    ...yesterday,
    told: /checksum/,
    verified: /checksum/,
  }),
  stopped('rows under a day to come', (s) => s.redate(30), {
    ...spoilsTable,
    verified: /not the day of the file/,
  }),
];

const GAPS: readonly Damage[] = [
  stopped('column of GAPS missing', (s) => s.remove(s.gaps('from_id')), {
    spoils: (s) => [s.gaps('from_id')],
    told: /GAPS/,
  }),
  killed('column of GAPS is a link', (s) => s.moveAway(s.gaps('to_id')), { told: /GAPS/ }),
  stopped('GAPS cut within a row', (s) => s.cutTo(s.gaps('cause'), 2), {
    spoils: (s) => [s.gaps('cause')],
    told: /GAPS/,
  }),
  stopped('GAPS is a file', (s) => s.fileInstead(`${s.symbol}/GAPS`), {
    spoils: (s) => [`${s.symbol}/GAPS`],
    told: /GAPS/,
  }),
];

const sidecar = (s: DamageScene) => `${s.table}/literals.${s.stamp}.jsonl`;
const rejected = (s: DamageScene) => `coinbase/rejected.${s.stamp}.jsonl`;
const OF_NO_ROW = '{"row":99999999,"column":"trade_price","text":"1e400"}\n';

const TEXTS: readonly Damage[] = [
  stopped('side-car with lines of no row', (s) => s.fileInstead(sidecar(s), OF_NO_ROW), {
    spoils: (s) => [sidecar(s)],
    verified: /literals/,
  }),
  stopped('side-car is a folder', (s) => s.folderInstead(sidecar(s)), { told: /literals/ }),
  stopped('refused messages: a folder', (s) => s.folderInstead(rejected(s)), {
    garbage: true,
    told: /rejected/,
  }),
  stopped('refused messages: missing', (s) => s.remove(rejected(s)), { garbage: true }),
];

const CHECKPOINT = 'journal/checkpoint';
const UNREADABLE = { told: /checkpoint-damaged/, refused: REFUSED } as const;
const UNBORN = { told: /unborn-segment|nothing in it can be read/ } as const;

const JOURNAL: readonly Damage[] = [
  ...either('journal missing', (s) => s.remove('journal'), { told: /journal-missing|no journal/ }),
  killed('journal is a file', (s) => s.fileInstead('journal'), inTheWay('journal')),
  killed('journal is a link', (s) => s.moveAway('journal'), inTheWay('journal')),
  killed('checkpoint missing', (s) => s.remove(CHECKPOINT), { told: /checkpoint-missing/, refused: REFUSED }),
  killed('checkpoint empty', (s) => s.cutTo(CHECKPOINT, 0), UNREADABLE),
  ...either('checkpoint is garbage', (s) => s.fileInstead(CHECKPOINT), UNREADABLE),
  killed('bit of the checkpoint flipped', (s) => s.flip(CHECKPOINT, 30), UNREADABLE),
  killed('checkpoint is a folder', (s) => s.folderInstead(CHECKPOINT), {
    told: /checkpoint/,
    refused: { ...inTheWay(CHECKPOINT).refused, accept_loss: true },
  }),
  killed('last segment missing', (s) => s.remove(s.segment), { told: /segment-missing/, refused: REFUSED }),
  killed('last segment empty', (s) => s.cutTo(s.segment, 0), UNBORN),
  killed('last segment cut in the middle', (s) => s.cutTo(s.segment, s.sizeOf(s.segment) >> 1), {
    told: /file-long|beyond the journal/,
  }),
  killed(
    'last segment is garbage',
    (s) => s.fileInstead(s.segment, '\x07'.repeat(s.sizeOf(s.segment))),
    UNBORN,
  ),
  killed('last segment is a folder', (s) => s.folderInstead(s.segment), UNBORN),
  killed('last segment longer', (s) => s.append(s.segment, 5000)),
  killed('bit of a block flipped', (s) => s.flip(s.segment, s.sizeOf(s.segment) >> 1), {
    told: /damaged-block/,
    refused: REFUSED,
  }),
  killed('bit of the head of a segment flipped', (s) => s.flip(s.segment, 100), {
    told: /head-damaged/,
    refused: REFUSED,
  }),
  killed('next segment is garbage', (s) => s.fileInstead('journal/next')),
  killed('cursor is garbage', (s) => s.fileInstead('journal/cursors/sink.json'), { told: /cursor/ }),
  stopped(
    'cursor ahead of the journal',
    (s) => s.fileInstead('journal/cursors/sink.json', '{"position":99999999}'),
    { told: /cursor/ },
  ),
  stopped('cursors are a file', (s) => s.fileInstead('journal/cursors')),
  stopped('note of losses is garbage', (s) => s.fileInstead('journal/losses'), { told: /losses/ }),
];

export const DAMAGES: readonly Damage[] = [...COLUMNS, ...FOLDERS, ...DAYS, ...GAPS, ...TEXTS, ...JOURNAL];
