/**
 * The connection of the sink `kafka` to its brokers, and what must not be forgotten when that is lost: which messages were
 * acknowledged since the last flush, and which may be there although nobody has acknowledged them. Sent again by the same
 * producer with the same numbers, the broker knows the latter and keeps them once; so a link outlives the sink that uses it
 * until nothing is in doubt.
 */
import { setTimeout } from 'node:timers/promises';
import type * as Kafka from '@platformatic/kafka';
import { LoggerError } from '../base/errors.js';
import { within } from './deadline.js';

export type Driver = typeof Kafka;
type Producer = Kafka.Producer<Buffer, Buffer, Buffer, Buffer>;
type Compression = Kafka.CompressionAlgorithmValue;

export interface Message {
  readonly topic: string;
  readonly key: Buffer;
  readonly value: Buffer;
}

export interface LinkOptions {
  readonly client: Kafka.BaseOptions;
  readonly acks: number;
  readonly idempotent: boolean;
  readonly compression: Compression;
  /** seconds that an answer may take */
  readonly seconds: number;
  readonly createTopics: boolean;
  /** -1: what the broker makes by itself */
  readonly partitions: number;
  readonly replicas: number;
}

/** The numbers of a producer's messages end at 2^31, and the driver does not begin again. */
const MESSAGES_MAX = 2 ** 30;
const PARTITION_BITS = 0x7fffffff;
/** The broker does not know this producer any more, or has other numbers of it: the next one begins anew. */
const PRODUCER_ERRORS = [
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
  'PRODUCER_FENCED',
];
const TOPIC_ATTEMPTS = 50;
const TOPIC_PAUSE_MS = 100;

export class KafkaLink {
  private producer: Producer | undefined;
  private readonly sockets = new Set<Kafka.Connection>();
  private topics: Set<string> | undefined;
  /** acknowledged parts of batches since the last flush */
  private readonly acknowledged = new Map<string, number>();
  /** what was sent and not answered */
  private doubtful = '';
  /** the driver still waits for it */
  private pending = false;
  private sent = 0;

  constructor(
    private readonly driver: Driver,
    private readonly options: LinkOptions,
  ) {}

  /** Sends the parts of a batch that no broker has acknowledged since the last flush. */
  async deliver(batch: string, parts: readonly (readonly Message[])[]): Promise<void> {
    for (let part = this.acknowledged.get(batch) ?? 0; part < parts.length; part++) {
      await this.send(`${batch} ${part}`, parts[part]);
      this.acknowledged.set(batch, part + 1);
    }
  }

  flush(): void {
    this.acknowledged.clear();
  }

  /** Whether all that was sent was acknowledged and flushed. */
  get isSettled(): boolean {
    return this.doubtful === '' && this.acknowledged.size === 0;
  }

  private async send(name: string, messages: readonly Message[]): Promise<void> {
    await this.makeTopics(new Set(messages.map(({ topic }) => topic)));
    const isOther = this.doubtful !== '' && this.doubtful !== name;
    if (isOther || this.pending || this.sent > MESSAGES_MAX) await this.renew();
    this.doubtful = name;
    const producer = (this.producer ??= this.newProducer());
    try {
      await within(this.options.seconds, 'an answer of the broker', this.answer(producer, messages));
    } catch (error) {
      await this.failed(error);
    }
    this.doubtful = '';
    this.sent += messages.length;
  }

  private async answer(producer: Producer, messages: readonly Message[]): Promise<void> {
    const { acks, idempotent, compression } = this.options;
    this.pending = true;
    try {
      // copies: the driver writes into them
      await producer.send({
        messages: messages.map((message) => ({ ...message })),
        acks,
        idempotent,
        compression,
      });
    } finally {
      this.pending = false;
    }
  }

  private async failed(error: unknown): Promise<never> {
    this.disconnect();
    if (PRODUCER_ERRORS.some((id) => isError(error, id))) await this.renew();
    throw described(error);
  }

  private newProducer(): Producer {
    const { driver, options } = this;
    const producer: Producer = new driver.Producer({
      ...options.client,
      // the runner tries again, with a pause that grows, and shows why
      retries: 0,
      // as every other client puts a key into a partition
      partitioner: ({ key }) => driver.murmur2(key as Buffer) & PARTITION_BITS,
    });
    producer.on('client:broker:connect', ({ connection }: { connection: Kafka.Connection }) => {
      this.sockets.add(connection);
      connection.on('error', () => {});
      connection.once('close', () => this.sockets.delete(connection));
    });
    return producer;
  }

  /** Cuts the connections, so that nothing is waited for; the next send connects again. */
  disconnect(): void {
    for (const { socket } of this.sockets) socket.destroy();
  }

  /** Another producer: what the old one has in doubt may come twice. */
  private async renew(): Promise<void> {
    await this.close();
    this.doubtful = '';
    this.pending = false;
    this.sent = 0;
  }

  async close(): Promise<void> {
    const { producer } = this;
    this.producer = undefined;
    this.disconnect();
    await producer?.close();
  }

  private async makeTopics(wanted: ReadonlySet<string>): Promise<void> {
    if (!this.options.createTopics) return;
    const missing = [...wanted].filter((topic) => this.topics?.has(topic) !== true);
    if (missing.length === 0) return;
    const { driver, options } = this;
    const admin = new driver.Admin({ ...options.client, retries: 0 });
    try {
      await within(options.seconds, 'making topics', this.makeMissing(admin, missing));
    } catch (error) {
      throw described(error);
    } finally {
      await admin.close();
    }
  }

  private async makeMissing(admin: Kafka.Admin, topics: readonly string[]): Promise<void> {
    const { partitions, replicas } = this.options;
    const known = new Set(await admin.listTopics());
    for (const topic of topics.filter((name) => !known.has(name))) {
      try {
        await admin.createTopics({ topics: [topic], partitions, replicas });
      } catch (error) {
        if (!isError(error, 'TOPIC_ALREADY_EXISTS')) throw error;
      }
      await knownToBrokers(admin, topic);
      known.add(topic);
    }
    this.topics = known;
  }
}

/** A topic that was made is known to every broker a moment later. */
async function knownToBrokers(admin: Kafka.Admin, topic: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await admin.metadata({ topics: [topic], forceUpdate: true });
      return;
    } catch (error) {
      const isYetToCome = ['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE'].some((id) =>
        isError(error, id),
      );
      if (!isYetToCome || attempt === TOPIC_ATTEMPTS) throw error;
      await setTimeout(TOPIC_PAUSE_MS);
    }
  }
}

interface DriverError extends Error {
  readonly errors?: readonly DriverError[];
  readonly cause?: DriverError;
  readonly apiId?: string;
}

function isError(error: unknown, id: string): boolean {
  return leaves(error as DriverError).some(({ apiId }) => apiId === id);
}

/** What is behind an error: the driver wraps what has happened in what it was doing. */
function leaves(error: DriverError): DriverError[] {
  const inner = [...(error.errors ?? []), ...(error.cause instanceof Error ? [error.cause] : [])];
  return inner.length === 0 ? [error] : inner.flatMap(leaves);
}

/** The error as one line that says what has happened. */
export function described(error: unknown): Error {
  if (error instanceof LoggerError) return error;
  const reasons = new Set(leaves(error as DriverError).map(({ message }) => message));
  return new LoggerError('TARGET_REFUSED', [...reasons].join('; '), { retryable: true, cause: error });
}
