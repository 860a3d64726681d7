/**
 * Rows in PostgreSQL: the rows of a batch are copied into temporary tables and inserted from there unless they are there
 * already, in one transaction with the cursor behind them: every row is there once. Tables are only made when that is asked
 * for, and never changed.
 */
import { Socket } from 'node:net';
import type { Client, Connection, Submittable } from 'pg';
import { LoggerError, messageOf } from '../base/errors.js';
import { boolean, integer, number, optionalText, text } from '../config/kinds.js';
import type { Batch } from '../delivery/batch.js';
import { within } from '../delivery/deadline.js';
import { loadDriver } from '../delivery/driver.js';
import {
  columnDefinition,
  copyLine,
  createStatement,
  listOf,
  type PostgresTable,
  postgresTableOf,
  quoted,
} from '../delivery/postgres_tables.js';
import { PASSWORD_OPTIONS, passwordOf } from '../delivery/secret.js';
import { defineSink, type OptionValues, type Sink, type SinkContext } from '../delivery/sink.js';
import { pemOf, TLS_OPTIONS } from '../delivery/tls.js';

const DRIVER = ['pg', '8.23.1'] as const;

const options = {
  host: text({ default: '127.0.0.1', applies: 'reload', doc: 'Host of the server.' }),
  port: integer({ default: 5432, min: 1, max: 65_535, applies: 'reload', doc: 'Port of the server.' }),
  database: text({ default: 'postgres', applies: 'reload', doc: 'Database of the tables.' }),
  user: text({ default: 'postgres', applies: 'reload', doc: 'Role to log in as.' }),
  ...PASSWORD_OPTIONS,
  ...TLS_OPTIONS,
  timeout_secs: number({
    default: 30,
    min: 0.1,
    max: 3600,
    applies: 'reload',
    doc: 'Seconds after which a server that does not answer has failed.',
  }),
  schema: text({ default: 'public', applies: 'reload', doc: 'Schema of the tables; it has to be there.' }),
  create: boolean({
    default: false,
    applies: 'reload',
    doc: 'Whether tables that are missing are made. Tables that are there are never changed: where a column is missing or of another type, the error says which statement changes that.',
  }),
  cursor_name: optionalText({
    default: '',
    applies: 'reload',
    doc: 'Name under which `logger_cursors` says how far rows are in the database, "" for that of the sink. Loggers with sinks of one name in one schema need different ones.',
  }),
};

type Settings = OptionValues<typeof options>;

const CURSORS = 'logger_cursors';
const CURSOR_COLUMNS = 'sink text PRIMARY KEY, cursor text NOT NULL';
/** Time for a farewell. */
const END_SECS = 2;
/** Class of errors of PostgreSQL that say that a value cannot be. */
const DATA_EXCEPTION = /^22/;

/** Lines for `COPY … FROM STDIN`; resolved when the server has all of them. */
class CopyIn implements Submittable {
  readonly done: Promise<void>;
  private resolve!: () => void;
  private reject!: (error: Error) => void;

  constructor(
    private readonly statement: string,
    private readonly lines: Buffer,
  ) {
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  submit(connection: Connection): void {
    connection.query(this.statement);
  }

  handleCopyInResponse(connection: Connection & CopyCalls): void {
    connection.sendCopyFromChunk(this.lines);
    connection.endCopyFrom();
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.resolve();
  }

  handleError(error: Error): void {
    this.reject(error);
  }
}

/** Of the driver, and not in its types. */
interface CopyCalls {
  sendCopyFromChunk(bytes: Buffer): void;
  endCopyFrom(): void;
}

interface FoundColumn {
  readonly name: string;
  readonly type: string;
}

class PostgresTarget implements Sink {
  cursor: string | null = null;
  /** statement that inserts what was copied, by table that was looked at */
  private readonly inserts = new Map<PostgresTable, string>();
  private readonly cursorName: string;
  private failure: Error | undefined;

  constructor(
    private readonly client: Client,
    private readonly socket: Socket,
    private readonly settings: Settings,
    private readonly context: SinkContext,
  ) {
    this.cursorName = settings.cursor_name || context.name;
    // what is asked fails, too, but for the reason
    client.on('error', (error) => (this.failure = error));
  }

  async open(): Promise<void> {
    await this.answered('connecting', this.client.connect());
    await this.answered('reading the cursor', this.readCursor());
  }

  private async readCursor(): Promise<void> {
    const name = this.qualified(CURSORS);
    const statement = `CREATE TABLE ${name} (${CURSOR_COLUMNS})`;
    if ((await this.columnsOf(name)).length === 0) await this.create(name, statement);
    const { rows } = await this.client.query(`SELECT cursor FROM ${name} WHERE sink = $1`, [this.cursorName]);
    this.cursor = rows[0]?.cursor ?? null;
  }

  private qualified(table: string): string {
    return `${quoted(this.settings.schema)}.${quoted(table)}`;
  }

  private async columnsOf(name: string): Promise<readonly FoundColumn[]> {
    const { rows } = await this.client.query<FoundColumn>(
      'SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped',
      [name],
    );
    return rows;
  }

  private async create(name: string, statement: string): Promise<void> {
    if (!this.settings.create)
      throw refused(`there is no table ${name}; set create = true, or make it with: ${statement}`);
    await this.client.query(statement.replace('CREATE TABLE', 'CREATE TABLE IF NOT EXISTS'));
    this.context.log('info', `table ${name} was made`);
  }

  async deliver(batch: Batch): Promise<void> {
    const rows = new Map<PostgresTable, number[]>();
    batch.each(({ place }, index) => {
      const table = postgresTableOf(place.table);
      const indexes = rows.get(table);
      if (indexes === undefined) rows.set(table, [index]);
      else indexes.push(index);
    });
    for (const table of rows.keys()) await this.answered('looking at a table', this.prepare(table));
    await this.answered('a transaction', this.transaction(batch, rows));
  }

  /** Sees to it that the table is as it has to be, and makes the temporary one. */
  private async prepare(table: PostgresTable): Promise<void> {
    if (this.inserts.has(table)) return;
    const name = this.qualified(table.name);
    const found = await this.columnsOf(name);
    if (found.length === 0) await this.create(name, createStatement(name, table));
    else await this.check(name, table, found);
    const columns = listOf(table.columns.map((column) => column.name));
    const staging = stagingOf(table);
    await this.client.query(
      `CREATE TEMPORARY TABLE ${staging} ON COMMIT DELETE ROWS AS SELECT ${columns} FROM ${name} WITH NO DATA`,
    );
    this.inserts.set(
      table,
      `INSERT INTO ${name} (${columns}) SELECT ${columns} FROM ${staging} ON CONFLICT (${listOf(table.key)}) DO NOTHING`,
    );
  }

  private async check(name: string, table: PostgresTable, found: readonly FoundColumn[]): Promise<void> {
    const types = new Map(found.map((column) => [column.name, column.type]));
    const changes = table.columns.flatMap((column) => {
      const type = types.get(column.name);
      if (type === undefined) return [`ADD COLUMN ${columnDefinition(column)}`];
      return type === column.type ? [] : [`ALTER COLUMN ${quoted(column.name)} TYPE ${column.type}`];
    });
    if (changes.length === 0 && !(await this.hasKey(name, table)))
      changes.push(`ADD PRIMARY KEY (${listOf(table.key)})`);
    if (changes.length > 0)
      throw refused(
        `table ${name} is another one than this version fills; change it with: ALTER TABLE ${name} ${changes.join(', ')}`,
      );
  }

  /** Whether the columns that name a row are unique together. */
  private async hasKey(name: string, { key }: PostgresTable): Promise<boolean> {
    const { rows } = await this.client.query(
      `SELECT FROM pg_index i WHERE indrelid = to_regclass($1) AND indisunique AND indpred IS NULL AND indnkeyatts = $3
         AND $3 = (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey) AND attname = ANY($2))`,
      [name, key, key.length],
    );
    return rows.length > 0;
  }

  private async transaction(batch: Batch, rows: ReadonlyMap<PostgresTable, number[]>): Promise<void> {
    const { client } = this;
    await client.query('BEGIN');
    for (const [table, indexes] of rows) await this.insert(batch, table, indexes);
    await client.query(
      `INSERT INTO ${this.qualified(CURSORS)} (sink, cursor) VALUES ($1, $2) ON CONFLICT (sink) DO UPDATE SET cursor = excluded.cursor`,
      [this.cursorName, batch.cursor],
    );
    await client.query('COMMIT');
  }

  /** Where a value cannot be, halves are tried until the row is found that has it. */
  private async insert(batch: Batch, table: PostgresTable, rows: readonly number[]): Promise<void> {
    const { client, context } = this;
    await client.query('SAVEPOINT rows');
    try {
      await this.copy(batch, table, rows);
      await client.query(this.inserts.get(table) as string);
    } catch (error) {
      if (!DATA_EXCEPTION.test(String((error as { code?: unknown }).code))) throw error;
      await client.query('ROLLBACK TO SAVEPOINT rows');
      if (rows.length === 1) return context.refuse(batch.at(rows[0]), messageOf(error));
      const half = rows.length >> 1;
      await this.insert(batch, table, rows.slice(0, half));
      await this.insert(batch, table, rows.slice(half));
    }
  }

  private copy(batch: Batch, table: PostgresTable, rows: readonly number[]): Promise<void> {
    const lines = rows.map((row) => copyLine(table, batch.at(row))).join('');
    const copy = new CopyIn(`COPY ${stagingOf(table)} FROM STDIN`, Buffer.from(lines));
    this.client.query(copy);
    return copy.done;
  }

  flush(): void {}

  async close(): Promise<void> {
    try {
      await within(END_SECS, 'the end of the connection', this.client.end());
    } catch {
      // a server that is gone needs no farewell
    }
    this.socket.destroy();
  }

  private async answered<T>(what: string, promise: Promise<T>): Promise<T> {
    try {
      return await within(this.settings.timeout_secs, what, promise);
    } catch (error) {
      if (error instanceof LoggerError) throw error;
      throw refused(`PostgreSQL: ${messageOf(this.failure ?? error)}`, error);
    }
  }
}

function refused(reason: string, cause?: unknown): LoggerError {
  return new LoggerError('TARGET_REFUSED', reason, { retryable: true, cause });
}

function stagingOf({ name }: PostgresTable): string {
  return `pg_temp.${quoted(`staging_${name}`)}`;
}

async function open(settings: Settings, context: SinkContext): Promise<Sink> {
  const { host, port, database, user, tls, timeout_secs } = settings;
  const password = await passwordOf(settings);
  const ca = tls ? await pemOf('ca_file', settings) : undefined;
  const { Client } = await loadDriver<typeof import('pg')>(...DRIVER);
  const socket = new Socket();
  const timeoutMs = Math.ceil(timeout_secs * 1000);
  const client = new Client({
    ...{ host, port, database, user, password },
    application_name: `logger ${context.name}`,
    ssl: tls ? { ca } : false,
    stream: () => socket,
    connectionTimeoutMillis: timeoutMs,
    // a connection that was cut holds no locks for longer
    idle_in_transaction_session_timeout: timeoutMs,
    statement_timeout: timeoutMs,
  });
  const target = new PostgresTarget(client, socket, settings, context);
  try {
    await target.open();
  } catch (error) {
    await target.close();
    throw error;
  }
  return target;
}

export default defineSink({
  doc: 'PostgreSQL: tables `trades`, `tickers`, `market_data_ohlcv`, `gaps` and so on, with exact numbers; every row once.',
  options,
  batch: { rows: 10_000, bytes: 4_194_304, secs: 0.5 },
  open,
});
