/**
 * Rows in Redis: the newest ticker of a symbol as a hash, all rows of a symbol as a stream, its trades as a list, its
 * candles as hashes that expire. Everything of a batch and the cursor behind it are one transaction, so every row is in the
 * streams and lists once, whatever fails; hashes keep what was received last.
 *
 * Whoever opens the target writes a name beside the cursor, which every transaction watches: one that a connection of
 * before has left on its way is void from then on.
 */
import { randomUUID } from 'node:crypto';
import type { ConnectionOptions } from 'node:tls';
import type { Cluster, Redis, RedisOptions } from 'ioredis';
import { LoggerError, messageOf } from '../base/errors.js';
import { integer, number, optionalText, selection, template, text } from '../config/kinds.js';
import { fillTemplate } from '../config/template.js';
import type { Batch } from '../delivery/batch.js';
import { within } from '../delivery/deadline.js';
import { loadDriver } from '../delivery/driver.js';
import { type Field, fieldsOf } from '../delivery/fields.js';
import { jsonOf } from '../delivery/json.js';
import { type Place, placeTexts } from '../delivery/place.js';
import type { RecordView } from '../delivery/record_view.js';
import { intervalOf } from '../delivery/schemas/row_schema.js';
import { PASSWORD_OPTIONS, passwordOf } from '../delivery/secret.js';
import { defineSink, type OptionValues, type Sink, type SinkContext } from '../delivery/sink.js';
import { pemOf, TLS_OPTIONS } from '../delivery/tls.js';
import { BBO, MD, TRADES } from '../schema/tables.js';

const DRIVER = ['ioredis', '6.0.0'] as const;

/** Tables whose newest row can be a hash of its own. */
const LATEST = [MD, BBO, TRADES];
const OF_PLACE = ['exchange', 'symbol', 'native'];

const options = {
  host: text({ default: '127.0.0.1', applies: 'reload', doc: 'Host of the server.' }),
  port: integer({ default: 6379, min: 1, max: 65_535, applies: 'reload', doc: 'Port of the server.' }),
  db: integer({ default: 0, min: 0, max: 65_535, applies: 'reload', doc: 'Number of the database.' }),
  username: optionalText({
    default: '',
    applies: 'reload',
    doc: 'User of the access control list; "" is the default user.',
  }),
  ...PASSWORD_OPTIONS,
  ...TLS_OPTIONS,
  timeout_secs: number({
    default: 10,
    min: 0.1,
    max: 600,
    applies: 'reload',
    doc: 'Seconds after which a server that does not answer has failed.',
  }),
  latest: template({
    default: 'latest:{symbol}',
    placeholders: [...OF_PLACE, 'table'],
    optional: true,
    applies: 'reload',
    doc: 'Key of the hash with the newest row of a symbol; it never goes back to a row that was received before. Where several exchanges have a symbol, `{exchange}` keeps them apart.',
  }),
  latest_tables: selection({
    default: [MD.name],
    values: LATEST.map(({ name }) => name),
    applies: 'reload',
    doc: 'Tables whose newest row is kept; more than one need `{table}` in `latest`.',
  }),
  stream: template({
    default: 'stream:{symbol}',
    placeholders: [...OF_PLACE, 'table'],
    optional: true,
    applies: 'reload',
    doc: 'Key of the stream of all rows, every table.',
  }),
  stream_max: integer({
    default: 10_000,
    min: 0,
    max: 1_000_000_000,
    applies: 'reload',
    doc: 'Entries that a stream keeps, or somewhat more; 0 keeps all.',
  }),
  trades: template({
    default: 'trades:{symbol}',
    placeholders: OF_PLACE,
    optional: true,
    applies: 'reload',
    doc: 'Key of the list of trades as JSON, the newest first.',
  }),
  trades_max: integer({
    default: 1000,
    min: 0,
    max: 1_000_000_000,
    applies: 'reload',
    doc: 'Trades that a list keeps; 0 keeps all.',
  }),
  kline: template({
    default: 'kline:{symbol}:{interval}:{timestamp}',
    placeholders: [...OF_PLACE, 'interval', 'timestamp'],
    required: ['interval', 'timestamp'],
    optional: true,
    applies: 'reload',
    doc: 'Key of the hash of a candle; `{timestamp}` is the second since 1970 at which it opens.',
  }),
  kline_ttl_secs: integer({
    default: 604_800,
    min: 0,
    max: 3_153_600_000,
    applies: 'reload',
    doc: 'Seconds after its last change at which a candle is removed; 0 keeps it.',
  }),
  cursor: text({
    default: 'logger:cursor',
    applies: 'reload',
    doc: 'Begin of the key of the hash that says how far rows are in the server; the name of the sink follows. Loggers with sinks of one name in one database need different ones.',
  }),
  cluster_tag: optionalText({
    default: '',
    applies: 'reload',
    doc: 'For Redis Cluster, of which `host` and `port` are any node: it stands in braces in front of every key, so that all keys of the sink are on one node and a batch is one transaction. Sinks with tags of their own spread over the nodes. "" for a server that is no cluster.',
  }),
};

type Settings = OptionValues<typeof options>;

/** Replaces a hash unless it holds what was received later. ARGV: time of receipt, seconds to live or 0, fields. */
const REPLACE = `
local held = redis.call('HGET', KEYS[1], 'recv_time')
if held and held > ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
if ARGV[2] ~= '0' then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return 1`;

/** What the rows of a place have in common; a key that they do not get is ''. */
interface Form {
  readonly stream: string;
  readonly trades: string;
  readonly latest: string;
  /** with `{timestamp}` to be filled */
  readonly kline: string;
  readonly head: readonly string[];
  readonly fields: readonly Field[];
  readonly received: Field;
  /** of a candle, the word of its first second */
  readonly opens: number;
}

/** A command, and the rows that are lost with it when the server refuses it. */
interface Command {
  readonly name: 'xadd' | 'lpush' | 'ltrim' | 'eval';
  readonly key: string;
  readonly args: string[];
  readonly rows: readonly number[];
}

class RedisTarget implements Sink {
  cursor: string | null = null;
  private readonly forms = new WeakMap<Place, Form>();
  /** exchange by key of what holds one row: others would replace it */
  private readonly exchanges = new Map<string, string>();
  private warned = false;
  private readonly owner = randomUUID();
  private readonly prefix: string;
  private readonly cursorKey: string;
  private failure: Error | undefined;

  constructor(
    private readonly client: Redis | Cluster,
    private readonly settings: Settings,
    private readonly context: SinkContext,
  ) {
    this.prefix = prefixOf(settings);
    this.cursorKey = `${this.prefix}${settings.cursor}:${context.name}`;
    // what fails says so itself, but for the reason
    client.on('error', (error) => (this.failure = error));
  }

  async open(): Promise<void> {
    const { client, cursorKey, owner } = this;
    await this.answered('connecting', client.connect());
    await this.answered('taking the cursor over', client.hset(cursorKey, { owner }));
    await this.watch();
    this.cursor = await this.answered('reading the cursor', client.hget(cursorKey, 'cursor'));
  }

  /** From here on a transaction is void when another one has taken over; so it has before when the owner is not us. */
  private async watch(): Promise<void> {
    const { client, cursorKey } = this;
    const answers = Promise.all([client.watch(cursorKey), client.hget(cursorKey, 'owner')]);
    const [, owner] = await this.answered('watching the cursor', answers);
    if (owner !== this.owner) throw this.takenOver();
  }

  private takenOver(): LoggerError {
    return new LoggerError(
      'TARGET_REFUSED',
      `another sink has taken ${this.cursorKey} over; if another logger delivers here, too, set another \`cursor\` for one of them`,
      { retryable: true },
    );
  }

  async deliver(batch: Batch): Promise<void> {
    const { client, cursorKey } = this;
    const commands = this.commandsOf(batch);
    const transaction = client.multi();
    for (const { name, key, args } of commands)
      if (name === 'eval') transaction.eval(REPLACE, 1, key, ...args);
      else transaction.call(name, [key, ...args]);
    transaction.hset(cursorKey, { cursor: batch.cursor });
    const answers = Promise.all([transaction.exec(), this.watch()]);
    const [results] = await this.answered('a transaction', answers);
    if (results === null) throw this.takenOver();
    this.refuse(batch, commands, results);
  }

  /** Commands that the server refused within the transaction it will refuse again: the keys hold something else. */
  private refuse(
    batch: Batch,
    commands: readonly Command[],
    results: readonly [Error | null, unknown][],
  ): void {
    const reasons = new Map<number, string>();
    results.forEach(([error], at) => {
      if (error === null || error === undefined) return;
      if (at >= commands.length) throw error;
      const { key, rows } = commands[at];
      for (const row of rows) reasons.set(row, `${key}: ${error.message}`);
    });
    for (const [row, reason] of reasons) this.context.refuse(batch.at(row), reason);
  }

  private commandsOf(batch: Batch): Command[] {
    const commands: Command[] = [];
    const trades = new Map<string, { args: string[]; rows: number[] }>();
    /** of hashes, the last row */
    const hashes = new Map<string, number>();
    batch.each((view, row) => {
      const { stream, trades: list, latest, kline, opens } = this.formOf(view.place);
      if (stream !== '') commands.push(this.entry(stream, view, row));
      if (list !== '') addTo(trades, list, jsonOf(view), row);
      if (latest !== '') hashes.set(latest, row);
      if (kline !== '') hashes.set(fillTemplate(kline, { timestamp: String(view.u32(opens)) }), row);
    });
    const { trades_max } = this.settings;
    for (const [key, { args, rows }] of trades) {
      commands.push({ name: 'lpush', key, args, rows });
      if (trades_max > 0)
        commands.push({ name: 'ltrim', key, args: ['0', String(trades_max - 1)], rows: [] });
    }
    for (const [key, row] of hashes) commands.push(this.hash(key, batch.at(row), row));
    return commands;
  }

  private entry(key: string, view: RecordView, row: number): Command {
    const { stream_max } = this.settings;
    const limit = stream_max === 0 ? [] : ['MAXLEN', '~', String(stream_max)];
    return { name: 'xadd', key, args: [...limit, '*', ...this.valuesOf(view)], rows: [row] };
  }

  private hash(key: string, view: RecordView, row: number): Command {
    const { received, kline } = this.formOf(view.place);
    const seconds = kline === '' ? 0 : this.settings.kline_ttl_secs;
    const args = [received.text(view) ?? '', String(seconds), ...this.valuesOf(view)];
    return { name: 'eval', key, args, rows: [row] };
  }

  /** Names and values in turn; what is missing is left out. */
  private valuesOf(view: RecordView): string[] {
    const { head, fields } = this.formOf(view.place);
    const values = [...head, String(view.row)];
    for (const { name, text } of fields) {
      const value = text(view);
      if (value !== null) values.push(name, value);
    }
    return values;
  }

  private formOf(place: Place): Form {
    let form = this.forms.get(place);
    if (form === undefined) this.forms.set(place, (form = this.derive(place)));
    return form;
  }

  private derive(place: Place): Form {
    const { settings } = this;
    const { exchange, table } = place;
    const interval = intervalOf(table);
    const texts = placeTexts(place);
    const names = interval === '' ? texts : { ...texts, interval };
    const key = (template: string) => (template === '' ? '' : this.prefix + fillTemplate(template, names));
    const fields = fieldsOf(table).filter((field) => field.isIn(exchange));
    const form = {
      stream: key(settings.stream),
      trades: table === TRADES ? key(settings.trades) : '',
      latest: settings.latest_tables.includes(table.name) ? key(settings.latest) : '',
      kline: interval === '' ? '' : key(settings.kline),
      head: [...Object.entries(texts).flat(), 'row'],
      fields,
      received: fields.find(({ name }) => name === 'recv_time') ?? fields[0],
      opens: table.at['open_time'] ?? -1,
    };
    for (const single of [form.latest, form.kline]) this.claim(single, exchange);
    return form;
  }

  /** Tells once when several exchanges write a key that holds one row. */
  private claim(key: string, exchange: string): void {
    if (key === '') return;
    const other = this.exchanges.get(key) ?? exchange;
    this.exchanges.set(key, other);
    if (other === exchange || this.warned) return;
    this.warned = true;
    this.context.log(
      'warn',
      `${key} is written by ${other} and by ${exchange}, and holds what came last; {exchange} in \`latest\` and \`kline\` keeps them apart`,
    );
  }

  flush(): void {}

  close(): void {
    this.client.disconnect();
  }

  private async answered<T>(what: string, promise: Promise<T>): Promise<T> {
    try {
      return await within(this.settings.timeout_secs, what, promise);
    } catch (error) {
      if (error instanceof LoggerError) throw error;
      const reason = this.failure ?? error;
      throw new LoggerError('TARGET_REFUSED', `Redis: ${messageOf(reason)}`, {
        retryable: true,
        cause: error,
      });
    }
  }
}

function addTo(
  lists: Map<string, { args: string[]; rows: number[] }>,
  key: string,
  value: string,
  row: number,
): void {
  const list = lists.get(key) ?? { args: [], rows: [] };
  list.args.push(value);
  list.rows.push(row);
  lists.set(key, list);
}

/** What the options must be together: two kinds of values under one key would refuse each other. */
function checkKeys({ latest, latest_tables, stream, trades, kline, cluster_tag, db }: Settings): void {
  const used = [latest, stream, trades, kline].filter((key) => key !== '');
  if (new Set(used).size < used.length)
    throw new LoggerError('CONFIG_INVALID', 'latest, stream, trades and kline must be different keys');
  if (latest !== '' && latest_tables.length > 1 && !latest.includes('{table}'))
    throw new LoggerError('CONFIG_INVALID', 'latest needs {table}, as latest_tables has more than one');
  if (cluster_tag !== '' && db !== 0)
    throw new LoggerError('CONFIG_INVALID', 'a cluster has no database but 0: leave db or cluster_tag out');
}

async function tlsOf(settings: Settings): Promise<{ tls?: ConnectionOptions }> {
  if (!settings.tls) return {};
  const ca = await pemOf('ca_file', settings);
  return { tls: ca === undefined ? {} : { ca } };
}

function prefixOf({ cluster_tag }: Settings): string {
  return cluster_tag === '' ? '' : `{${cluster_tag}}:`;
}

/** The runner tries again, with the cursor that is there then: the driver must not. */
async function clientOf(settings: Settings): Promise<Redis | Cluster> {
  const { host, port, db, username, timeout_secs, cluster_tag } = settings;
  const password = await passwordOf(settings);
  const { Cluster, Redis } = await loadDriver<typeof import('ioredis')>(...DRIVER);
  const once = { lazyConnect: true, enableOfflineQueue: false };
  const connection: RedisOptions = {
    ...{ password, ...(await tlsOf(settings)) },
    username: username === '' ? undefined : username,
    connectTimeout: timeout_secs * 1000,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
  };
  if (cluster_tag === '')
    return new Redis({ ...connection, ...once, host, port, db, retryStrategy: () => null });
  return new Cluster([{ host, port }], {
    ...once,
    redisOptions: connection,
    maxRedirections: 0,
    clusterRetryStrategy: () => null,
    slotsRefreshTimeout: timeout_secs * 1000,
  });
}

async function open(settings: Settings, context: SinkContext): Promise<Sink> {
  checkKeys(settings);
  const client = await clientOf(settings);
  const target = new RedisTarget(client, settings, context);
  try {
    await target.open();
  } catch (error) {
    target.close();
    throw error;
  }
  return target;
}

export default defineSink({
  doc: 'Redis: the newest ticker, streams, lists of trades and candles that expire, by key templates; every row once.',
  options,
  batch: { rows: 1000, bytes: 1_048_576, secs: 0.1 },
  open,
});
