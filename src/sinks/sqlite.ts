/**
 * Rows in an SQLite database: one transaction per flush, which holds the cursor as well, so each row is there once. The
 * tables are those of delivery/relations.ts; beside each is a view `<table>_json` in the shape that readers of raw messages
 * know. WAL lets others read while it grows.
 */
import { mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { LoggerError, messageOf } from '../base/errors.js';
import { text } from '../config/kinds.js';
import type { Batch } from '../delivery/batch.js';
import { loadDriver } from '../delivery/driver.js';
import { RELATIONS, type Relation, relationOf, type SqlValue } from '../delivery/relations.js';
import { defineSink, type Sink, type SinkContext } from '../delivery/sink.js';

/** For versions of Node that have no SQLite of their own. */
const DRIVER = { name: 'libsql', version: '0.5.29' } as const;
/** A reader may keep the file for so long. */
const BUSY_MS = 5000;
const CURSORS = 'logger_cursors';
/** SQLite has whole numbers of 63 bits. */
const INTEGER_MAX = 2n ** 63n - 1n;

/** What node:sqlite and libsql have in common. */
interface Statement {
  run(...values: readonly SqlValue[]): unknown;
  get(...values: readonly SqlValue[]): Readonly<Record<string, unknown>> | undefined;
  all(...values: readonly SqlValue[]): readonly Readonly<Record<string, unknown>>[];
}

interface Database {
  exec(sql: string): unknown;
  prepare(sql: string): Statement;
  close(): void;
}

type Opener = new (path: string) => Database;

async function driver(): Promise<Opener> {
  try {
    return ((await import('node:sqlite' as string)) as { DatabaseSync: Opener }).DatabaseSync;
  } catch {
    return (await loadDriver<{ default: Opener }>(DRIVER.name, DRIVER.version)).default;
  }
}

const SQL_TYPES = { text: 'TEXT', integer: 'INTEGER', bigint: 'INTEGER', real: 'REAL' } as const;

function tableSql({ name, columns, key }: Relation): string {
  const lines = columns.map(
    (column) => `${column.name} ${SQL_TYPES[column.kind]}${column.nullable ? '' : ' NOT NULL'}`,
  );
  return `CREATE TABLE IF NOT EXISTS ${name} (${lines.join(', ')}, PRIMARY KEY (${key.join(', ')})) WITHOUT ROWID`;
}

/** `exchange, symbol, exchange_sequence_id, timestamp_collector, timestamp_exchange, data`; times in microseconds. */
function viewSql({ name, columns, key, times }: Relation): string {
  const names = columns.map((column) => column.name);
  const ids = ['trade_uuid', 'trade_id'].filter((id) => names.includes(id));
  const own = key.filter((column) => column !== 'exchange').join(" || '-' || ");
  const id = ids.length === 0 ? own : `COALESCE(${[...ids, 'NULL'].join(', ')})`;
  const data = names.map((column) => `'${column}', ${column}`).join(', ');
  return `CREATE VIEW IF NOT EXISTS ${name}_json AS SELECT exchange, symbol, CAST(${id} AS TEXT) AS exchange_sequence_id, ${times.received} / 1000 AS timestamp_collector, ${times.event} / 1000 AS timestamp_exchange, json_object(${data}) AS data FROM ${name}`;
}

function insertSql({ name, columns }: Relation): string {
  const names = columns.map((column) => column.name);
  return `INSERT OR REPLACE INTO ${name} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`;
}

class Sqlite implements Sink {
  readonly cursor: string | null;
  private readonly inserts = new Map<Relation, Statement>();
  private readonly keepCursor: Statement;
  private newest = '';
  private open = false;

  constructor(
    private readonly db: Database,
    private readonly context: SinkContext,
  ) {
    for (const relation of RELATIONS) {
      db.exec(tableSql(relation));
      this.expectOurs(relation);
      db.exec(viewSql(relation));
      this.inserts.set(relation, db.prepare(insertSql(relation)));
    }
    db.exec(`CREATE TABLE IF NOT EXISTS ${CURSORS} (sink TEXT PRIMARY KEY, cursor TEXT NOT NULL)`);
    this.keepCursor = db.prepare(`INSERT OR REPLACE INTO ${CURSORS} (sink, cursor) VALUES (?, ?)`);
    const kept = db.prepare(`SELECT cursor FROM ${CURSORS} WHERE sink = ?`).get(context.name);
    this.cursor = kept === undefined ? null : String(kept['cursor']);
  }

  /** A table of this name that is not as ours is never changed. */
  private expectOurs({ name, columns }: Relation): void {
    const found = this.db.prepare(`SELECT name FROM pragma_table_info('${name}')`).all();
    const names = found.map((column) => String(column['name']));
    const other = columns.find((column) => !names.includes(column.name));
    if (other === undefined && names.length === columns.length) return;
    throw new LoggerError(
      'DATA_UNREADABLE',
      `table ${name} of the database has other columns than this version writes; name another file, or rename the table`,
    );
  }

  deliver(batch: Batch): void {
    if (!this.open) this.db.exec('BEGIN IMMEDIATE');
    this.open = true;
    batch.each((row) => {
      const relation = relationOf(row.place.table);
      const values = relation.columns.map(({ value }) => value(row));
      if (values.some((value) => typeof value === 'bigint' && value > INTEGER_MAX))
        this.context.refuse(row, 'a whole number is larger than SQLite has them');
      else this.inserts.get(relation)?.run(...values);
    });
    this.newest = batch.cursor;
  }

  flush(): void {
    if (!this.open) return;
    this.keepCursor.run(this.context.name, this.newest);
    this.db.exec('COMMIT');
    this.open = false;
  }

  close(): void {
    try {
      if (this.open) this.db.exec('ROLLBACK');
    } finally {
      this.db.close();
    }
  }
}

export default defineSink({
  doc: 'An SQLite database with a table per kind of row, each row once.',
  options: {
    path: text({
      default: 'export.sqlite',
      applies: 'reload',
      doc: 'The file; it is made with its folder when it is missing. A relative path starts at the working directory.',
    }),
  },
  batch: { rows: 5000, bytes: 4_194_304, secs: 1 },
  async open({ path }, context) {
    const Opener = await driver();
    mkdirSync(dirname(resolve(path)), { recursive: true });
    const db = new Opener(resolve(path));
    try {
      db.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
      db.exec('PRAGMA journal_mode = WAL');
      // what was committed is there after a power cut, too, as the cursor will say
      db.exec('PRAGMA synchronous = FULL');
      return new Sqlite(db, context);
    } catch (error) {
      db.close();
      if (error instanceof LoggerError) throw error;
      throw new LoggerError('DATA_UNREADABLE', `${path}: ${messageOf(error)}`, {
        cause: error,
        retryable: true,
      });
    }
  },
});
