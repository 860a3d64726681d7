/**
 * Rows as messages of Kafka topics. Delivery is at least once: while the process lives, the broker drops what is sent
 * again (delivery/kafka_link.ts); after a crash of the logger the batches that no flush had covered may come twice, and every
 * message has what names its row for good.
 */
import { isIP } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import type * as Kafka from '@platformatic/kafka';
import { LoggerError, messageOf } from '../base/errors.js';
import {
  addresses,
  boolean,
  choice,
  integer,
  number,
  type Option,
  optionalText,
  template,
  text,
  url,
} from '../config/kinds.js';
import { fillTemplate } from '../config/template.js';
import type { Batch } from '../delivery/batch.js';
import { loadDriver } from '../delivery/driver.js';
import { type Driver, KafkaLink, type Message } from '../delivery/kafka_link.js';
import type { Place } from '../delivery/place.js';
import type { RecordView } from '../delivery/record_view.js';
import { ENCODINGS, type Encoding, loadEncoding } from '../delivery/schemas/encoder.js';
import { recordName, SchemaRegistry } from '../delivery/schemas/registry.js';
import { intervalOf, perSchema, type RowSchema, schemaOf } from '../delivery/schemas/row_schema.js';
import { PASSWORD_OPTIONS, passwordOf } from '../delivery/secret.js';
import { defineSink, type OptionValues, type Sink, type SinkContext } from '../delivery/sink.js';
import { pemOf, TLS_OPTIONS } from '../delivery/tls.js';

const TOPIC_CHARS_MAX = 249;
const NO_TOPIC = /[^\w.-]/;

/** What stands between the placeholders of a topic must be allowed there. */
function topicTemplate(option: Option<string>): Option<string> {
  return {
    ...option,
    refuses: (value) => {
      const refused = option.refuses(value);
      if (refused !== undefined) return refused;
      const [character] = NO_TOPIC.exec(String(value).replaceAll(/\{\w+\}/g, '')) ?? [];
      return (
        character &&
        `a topic has no ${JSON.stringify(character)}, only letters, digits, dots, dashes and underscores`
      );
    },
  };
}

/** A URL that may be left out. */
function optionalUrl(option: Option<string>): Option<string> {
  const { allowed, refuses } = option;
  return {
    ...option,
    allowed: `${allowed}, or "" for none`,
    refuses: (value) => (value === '' ? undefined : refuses(value)),
  };
}

const RELOAD = { applies: 'reload' } as const;

const options = {
  brokers: addresses({
    ...RELOAD,
    default: ['127.0.0.1:9092'],
    doc: 'Brokers to begin with; they name the others.',
  }),
  client_id: text({ ...RELOAD, default: 'logger', doc: 'Name by which brokers know the logger.' }),
  topic: topicTemplate(
    template({
      ...RELOAD,
      default: '{exchange}-{channel}',
      placeholders: ['exchange', 'channel', 'symbol', 'table', 'interval'],
      doc: 'Topic of a row. `{channel}` is ticker, trades, agg_trades, bbo, book, klines, gaps or instruments; `{interval}` is empty but for candles. What a topic may not have becomes an underscore.',
    }),
  ),
  create_topics: boolean({
    ...RELOAD,
    default: true,
    doc: 'Whether topics that are missing are made.',
  }),
  partitions: integer({
    ...RELOAD,
    default: 0,
    min: 0,
    max: 10_000,
    doc: 'Partitions of topics that are made; 0: as many as the broker makes by itself. The key is the symbol, so the rows of one are in order.',
  }),
  replication_factor: integer({
    ...RELOAD,
    default: 0,
    min: 0,
    max: 100,
    doc: 'Copies of topics that are made; 0: as many as the broker makes by itself.',
  }),
  encoding: choice({
    ...RELOAD,
    values: ENCODINGS,
    default: 'json',
    doc: 'What a message is; `logger schema` prints the schemas.',
  }),
  registry_url: optionalUrl(
    url({
      ...RELOAD,
      default: '',
      schemes: ['http', 'https'],
      doc: "Schema registry with the interface of Confluent's: schemas are registered, and messages begin with the number of theirs.",
    }),
  ),
  registry_subject: template({
    ...RELOAD,
    default: '{topic}-value',
    placeholders: ['topic', 'record'],
    doc: 'Subject of a schema; `{record}` is the full name of its type, e.g. `logger.Trades`, which belongs here when rows of several tables share a topic.',
  }),
  registry_username: optionalText({ ...RELOAD, default: '', doc: 'User of the schema registry; "": none.' }),
  registry_password_env: PASSWORD_OPTIONS.password_env,
  registry_password_file: PASSWORD_OPTIONS.password_file,
  compression: choice({
    ...RELOAD,
    values: ['none', 'gzip', 'lz4', 'snappy', 'zstd'],
    default: 'gzip',
    doc: 'How messages are compressed, those of a partition together; zstd needs Node 22.15 or later.',
  }),
  acks: choice({
    ...RELOAD,
    values: ['all', 'leader', 'none'],
    default: 'all',
    doc: 'Who has to have a message before it counts as delivered: all copies in sync, one broker, or nobody; with the latter two messages can be lost.',
  }),
  idempotent: boolean({
    ...RELOAD,
    default: true,
    doc: 'Whether brokers drop messages that are sent again because their acknowledgement was lost; counts with acks = "all" alone.',
  }),
  request_bytes: integer({
    ...RELOAD,
    default: 900_000,
    min: 16_384,
    max: 104_857_600,
    doc: 'Bytes that are sent together, before compression; brokers take 1 MB for a partition unless their message.max.bytes says otherwise.',
  }),
  timeout_secs: number({
    ...RELOAD,
    default: 30,
    min: 1,
    max: 600,
    doc: 'Seconds that an answer may take.',
  }),
  ...TLS_OPTIONS,
  cert_file: optionalText({ ...RELOAD, default: '', doc: 'Certificate of the client, PEM; "": none.' }),
  key_file: optionalText({ ...RELOAD, default: '', doc: 'Key of that certificate, PEM.' }),
  sasl: choice({
    ...RELOAD,
    values: ['none', 'plain', 'scram-sha-256', 'scram-sha-512'],
    default: 'none',
    doc: 'How the logger proves who it is; plain shows the password to whoever reads along, unless tls = true.',
  }),
  username: optionalText({ ...RELOAD, default: '', doc: 'User of SASL.' }),
  ...PASSWORD_OPTIONS,
};

type Settings = OptionValues<typeof options>;

const ACKS = { all: -1, leader: 1, none: 0 } as const;
/** `{channel}` of the topic of a table. */
const channelOf = perSchema({ MD: 'ticker' }, (name) => name);

/** What messages of a place have in common. */
interface Form {
  readonly topic: string;
  /** why rows of the place have no topic; '' when they have */
  readonly refused: string;
  readonly key: Buffer;
  readonly frame: Buffer;
  readonly encode: (view: RecordView) => Uint8Array;
}

interface KeptLink {
  readonly settings: Settings;
  readonly link: KafkaLink;
}

/** Links that have something in doubt, by folder and name of the sink: the next one that is opened goes on with it. */
const kept = new Map<string, KeptLink>();

const NO_FRAME = Buffer.alloc(0);
/** Of a message beside its key and value, at most. */
const OVERHEAD_BYTES = 32;

class KafkaSink implements Sink, KeptLink {
  private readonly forms = new WeakMap<Place, Form>();
  private readonly encoders = new Map<RowSchema, (view: RecordView) => Uint8Array>();

  constructor(
    readonly settings: Settings,
    private readonly context: SinkContext,
    readonly link: KafkaLink,
    private readonly encoding: Encoding,
    private readonly registry: SchemaRegistry | undefined,
  ) {}

  async deliver(batch: Batch): Promise<void> {
    await this.prepare(batch);
    // cursor and number of rows name what is in it
    await this.link.deliver(`${batch.cursor} ${batch.rows}`, this.partsOf(batch));
  }

  flush(): void {
    this.link.flush();
  }

  async close(): Promise<void> {
    const key = linkKey(this.context);
    if (this.link.isSettled) {
      kept.delete(key);
      await this.link.close();
      return;
    }
    kept.set(key, this);
    this.link.disconnect();
  }

  /** Forms of places that are new; schemas are registered meanwhile. */
  private async prepare(batch: Batch): Promise<void> {
    const places = new Set<Place>();
    batch.each(({ place }) => void (this.forms.has(place) || places.add(place)));
    for (const place of places) this.forms.set(place, await this.derive(place));
  }

  private async derive(place: Place): Promise<Form> {
    const { exchange, symbol, table } = place;
    const channel = channelOf(table);
    const values = { exchange, symbol, channel, table: table.name, interval: intervalOf(table) };
    const topic = fillTemplate(this.settings.topic, values).replaceAll('%', '_');
    const refused = refusesTopic(topic);
    const schema = schemaOf(table);
    const frame = refused === '' ? await this.frameOf(topic, schema) : NO_FRAME;
    return { topic, refused, key: Buffer.from(symbol), frame, encode: this.encoderOf(schema) };
  }

  private async frameOf(topic: string, schema: RowSchema): Promise<Buffer> {
    const subject = fillTemplate(this.settings.registry_subject, { topic, record: recordName(schema) });
    return (await this.registry?.frame(subject, schema)) ?? NO_FRAME;
  }

  private encoderOf(schema: RowSchema): (view: RecordView) => Uint8Array {
    let encode = this.encoders.get(schema);
    if (encode === undefined) this.encoders.set(schema, (encode = this.encoding.encoder(schema)));
    return encode;
  }

  /** The messages of a batch, in parts that a broker takes; the same for the same batch. */
  private partsOf(batch: Batch): Message[][] {
    const parts: Message[][] = [];
    let room = 0;
    batch.each((view) => {
      const message = this.messageOf(view);
      if (message === undefined) return;
      const size = message.key.length + message.value.length + OVERHEAD_BYTES;
      if (parts.length === 0 || size > room) {
        parts.push([]);
        room = this.settings.request_bytes;
      }
      room -= size;
      parts[parts.length - 1].push(message);
    });
    return parts;
  }

  private messageOf(view: RecordView): Message | undefined {
    const { topic, refused, key, frame, encode } = this.forms.get(view.place) as Form;
    if (refused !== '') {
      this.context.refuse(view, refused);
      return undefined;
    }
    try {
      const bytes = encode(view);
      return { topic, key, value: frame.length === 0 ? Buffer.from(bytes) : Buffer.concat([frame, bytes]) };
    } catch (error) {
      this.context.refuse(view, `${this.settings.encoding} cannot hold it: ${messageOf(error)}`);
      return undefined;
    }
  }
}

function refusesTopic(topic: string): string {
  const isName = topic.length <= TOPIC_CHARS_MAX && topic !== '.' && topic !== '..' && topic !== '';
  return isName ? '' : `${JSON.stringify(topic)} cannot be the name of a topic`;
}

const linkKey = ({ dataPath, name }: SinkContext) => `${dataPath} ${name}`;

async function tlsOf(settings: Settings): Promise<Pick<Kafka.BaseOptions, 'tls' | 'tlsServerName'>> {
  if (!settings.tls) return {};
  const ca = await pemOf('ca_file', settings);
  const cert = await pemOf('cert_file', settings);
  const key = await pemOf('key_file', settings);
  // a name is no address
  const isNamed = settings.brokers.every((broker) => isIP(broker.replace(/:\d+$/, '')) === 0);
  return { tls: { ca, cert, key }, tlsServerName: isNamed };
}

async function saslOf(settings: Settings): Promise<Pick<Kafka.BaseOptions, 'sasl'>> {
  const { sasl, username } = settings;
  if (sasl === 'none') return {};
  const password = (await passwordOf(settings)) ?? '';
  const mechanism = sasl.toUpperCase() as Kafka.SASLMechanismValue;
  return { sasl: { mechanism, username, password } };
}

/** A compression that this Node or this installation lacks is told before anything is sent. */
function tryCompression({ compressionsAlgorithms }: Driver, { compression }: Settings): void {
  try {
    compressionsAlgorithms[compression].compressSync(Buffer.alloc(1));
  } catch (error) {
    const reason =
      compression === 'zstd' ? `it needs Node 22.15 or later, this is ${process.version}` : messageOf(error);
    throw new LoggerError(
      'DEPENDENCY_MISSING',
      `there is no compression ${compression}: ${reason}; write compression = "gzip"`,
      { cause: error },
    );
  }
}

async function newLink(driver: Driver, settings: Settings): Promise<KafkaLink> {
  const { brokers, client_id, acks, idempotent, compression, timeout_secs, create_topics } = settings;
  return new KafkaLink(driver, {
    client: {
      ...{ clientId: client_id, bootstrapBrokers: [...brokers] },
      ...(await tlsOf(settings)),
      ...(await saslOf(settings)),
    },
    ...{ acks: ACKS[acks], idempotent: idempotent && acks === 'all', compression, seconds: timeout_secs },
    createTopics: create_topics,
    partitions: settings.partitions || -1,
    replicas: settings.replication_factor || -1,
  });
}

async function registryOf(settings: Settings, encoding: Encoding): Promise<SchemaRegistry | undefined> {
  const { registry_url, registry_username: user, timeout_secs: seconds } = settings;
  if (registry_url === '') return undefined;
  const password = await passwordOf({
    password_env: settings.registry_password_env,
    password_file: settings.registry_password_file,
  });
  return new SchemaRegistry({ url: registry_url, user, password: password ?? '', seconds }, encoding);
}

async function open(settings: Settings, context: SinkContext): Promise<Sink> {
  const driver = await loadDriver<Driver>('@platformatic/kafka', '1.22.0');
  tryCompression(driver, settings);
  const encoding = await loadEncoding(settings.encoding);
  const registry = await registryOf(settings, encoding);
  const last = kept.get(linkKey(context));
  const goesOn = last !== undefined && isDeepStrictEqual(last.settings, settings);
  const link = goesOn ? last.link : await newLink(driver, settings);
  return new KafkaSink(settings, context, link, encoding, registry);
}

export default defineSink({
  doc: 'Messages in Kafka topics by exchange and channel, with the symbol as key: JSON, Avro or Protocol Buffers.',
  options,
  batch: { rows: 2000, bytes: 1_048_576, secs: 0.1 },
  open,
});
