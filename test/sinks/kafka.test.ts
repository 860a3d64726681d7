/**
 * The sink `kafka` and a real broker: what Confluent's client reads there is what the column files have, in every table of
 * all exchanges, whatever fails meanwhile.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import * as zlib from 'node:zlib';
import type { Batch } from '../../src/delivery/batch.js';
import type { OptionValues, Sink } from '../../src/delivery/sink.js';
import { makeCertificate } from '../../src/simulator/server/tls.js';
import kafka from '../../src/sinks/kafka.js';
import { comparisonText } from '../support/delivered.js';
import { openDirect, PLACE, tradeBatch } from '../support/direct_sink.js';
import { channelsOf, EXCHANGES } from '../support/fixtures.js';
import { compareMessages, lacksReader, type ReadOptions, readTopics } from '../support/kafka_rows.js';
import { startLoggerProcess, startSimulatorProcess, temporaryFolder, until } from '../support/processes.js';
import { freePort, lacksProgram, type Server, startServer } from '../support/servers.js';
import { SinkScene } from '../support/sink_scene.js';
import { TcpProxy } from '../support/tcp_proxy.js';

const skip =
  lacksProgram('scripts/servers/kafka.sh', ['installed'], 'the jars of Kafka are not installed') ||
  lacksReader();
const noRegistry = lacksProgram('scripts/servers/registry.sh', ['installed'], 'Apicurio is not installed');

const hasZstd = 'zstdCompressSync' in zlib;

const KILLS = 3;
const PASSWORD = 'a secret of the test';

/** A broker that sends its clients to a proxy in front of it, and listens for encrypted connections, too. */
class Broker {
  readonly certificate = makeCertificate();
  server!: Server;
  proxy!: TcpProxy;
  /** of the encrypted connections */
  tlsPort = 0;

  async start(): Promise<void> {
    const port = await freePort();
    this.tlsPort = await freePort();
    this.proxy = await TcpProxy.to(port);
    this.server = await startServer('kafka', this.properties(port), { port });
  }

  private properties(port: number): string[] {
    const { cert_path, key_path } = this.certificate;
    const pem = join(temporaryFolder('kafka-pem'), 'key.pem');
    writeFileSync(pem, readFileSync(key_path, 'utf8') + readFileSync(cert_path, 'utf8'));
    const tls = `SASL_SSL://127.0.0.1:${this.tlsPort}`;
    const login = `org.apache.kafka.common.security.plain.PlainLoginModule required user_logger="${PASSWORD}";`;
    return [
      `listeners=PLAINTEXT://127.0.0.1:${port},${tls},CONTROLLER://127.0.0.1:${port + 1}`,
      `advertised.listeners=PLAINTEXT://127.0.0.1:${this.proxy.port},${tls}`,
      'ssl.keystore.type=PEM',
      `ssl.keystore.location=${pem}`,
      'sasl.enabled.mechanisms=PLAIN',
      `listener.name.sasl_ssl.plain.sasl.jaas.config=${login}`,
    ];
  }

  /** Values of the options of a sink that goes through the proxy. */
  get values() {
    return { brokers: [`127.0.0.1:${this.proxy.port}`] };
  }

  async read(options: Omit<ReadOptions, 'port'>) {
    return readTopics({ ...options, port: this.proxy.port });
  }
}

const broker = new Broker();
if (skip === false)
  before(async () => {
    await broker.start();
    // a broker that has just begun does not give producers their numbers yet
    await delivered({ topic: 'ready' }, tradeBatch('ready', [{ row: 0 }]));
  });

function sinkLines(...more: readonly string[]): string[] {
  return ['type = "kafka"', `brokers = ["127.0.0.1:${broker.proxy.port}"]`, ...more];
}

type Values = Partial<OptionValues<typeof kafka.options>>;

/** Delivers as the runner does: after an error the sink is opened again and gets the batch again. */
async function delivered(values: Values, batch: Batch): Promise<void> {
  const again = async () => {
    const { sink } = await openDirect(kafka, { ...broker.values, ...values });
    try {
      await sink.deliver(batch);
      await sink.flush();
      return true;
    } catch {
      return false;
    } finally {
      await sink.close();
    }
  };
  await until('it is delivered', again);
}

test('no row is missing, whatever fails, and none is there twice unless the logger was killed', {
  skip,
}, async (t) => {
  const { server, proxy } = broker;
  const scene = new SinkScene({
    folder: temporaryFolder('kafka'),
    sinkLines: sinkLines('topic = "faults-{exchange}-{channel}"'),
  });
  await scene.start();
  await scene.delivered();
  for (let round = 0; round < KILLS; round++) await scene.lostAnswers(proxy);
  await scene.withoutServer(server);
  const before = (await broker.read({ topics: 'faults-.*' })).map(({ value }) => value);
  const names = before.map(({ exchange, native, table, day, row }) =>
    [exchange, native, table, day, row].join(),
  );
  assert.equal(new Set(names).size, names.length);
  for (let round = 0; round < KILLS; round++) await scene.killLogger();
  await scene.finish();

  const messages = await broker.read({ topics: 'faults-.*' });
  const { twice, ...comparison } = compareMessages(scene.dataPath, messages);
  assert.equal(comparisonText({ ...comparison, twice: [] }), '');
  t.diagnostic(`${messages.length} messages, ${twice.length} of them twice after ${KILLS} kills`);
  assert.ok(messages.every(({ key, value }) => key === value['symbol']));
  const topics = new Set(messages.map(({ topic }) => topic));
  const channels = ['trades', 'ticker', 'bbo', 'book', 'klines'].map((channel) => `kraken-${channel}`);
  for (const topic of [...channels, 'binance-agg_trades'])
    assert.ok(topics.has(`faults-${topic}`), `${topic} is among ${[...topics]}`);
  assert.ok([...topics].some((topic) => topic.endsWith('-gaps')));
});

const EXCHANGE_LINES = Object.fromEntries(
  EXCHANGES.map((exchange) => [exchange.id, [`channels = ${JSON.stringify(channelsOf(exchange))}`]]),
);
/** Each encoding with a compression, and the last two with a registry. */
const ENCODINGS = { json: 'gzip', avro: 'lz4', protobuf: 'snappy' } as const;

test('all encodings have every row of nine exchanges, with the schemas of a registry', {
  skip: skip || noRegistry,
}, async () => {
  const { port } = await startServer('registry');
  const registry = `http://127.0.0.1:${port}/apis/ccompat/v7`;
  const folder = temporaryFolder('kafka-encodings');
  const linesOf = (encoding: string, compression: string) =>
    sinkLines(
      `topic = "${encoding}-{exchange}-{channel}"`,
      `encoding = "${encoding}"`,
      `compression = "${compression}"`,
      `registry_url = "${registry}"`,
    );
  const sinks = Object.fromEntries(Object.entries(ENCODINGS).map(([e, c]) => [e, linesOf(e, c)]));
  const all = EXCHANGES.map(({ id }) => id).join(',');
  const simulator = await startSimulatorProcess(
    join(folder, 'ledger'),
    ['--symbols', '2', '--rate', '100'],
    all,
  );
  const logger = startLoggerProcess({ folder, exchangeLines: EXCHANGE_LINES, sinkLines: sinks }, simulator);
  const health = async () => Object.values((await logger.health()).sinks);
  await until('rows are delivered', async () => (await health()).every((s) => s.rows_delivered > 5000), 300);
  await simulator.finish();
  await logger.quiet();
  await until('nothing is left', async () => (await health()).every((s) => s.lag_rows === 0), 300);
  assert.equal(await logger.stop(), 0, logger.stderr());
  await simulator.stop();
  for (const encoding of Object.keys(ENCODINGS) as (keyof typeof ENCODINGS)[]) {
    const messages = await broker.read({ topics: `${encoding}-.*`, encoding, registry });
    const comparison = compareMessages(join(folder, 'data'), messages);
    assert.equal(comparisonText(comparison), '', encoding);
    assert.ok(comparison.rows > 5000);
  }
});

/** A sink that has its connections and has delivered row 0. */
async function warm(topic: string): Promise<Sink> {
  const { sink } = await openDirect(kafka, { ...broker.values, topic });
  await sink.deliver(tradeBatch('first', [{ row: 0 }]));
  await sink.flush();
  return sink;
}

async function rowsOf(topic: string): Promise<number[]> {
  return (await broker.read({ topics: topic })).map(({ value }) => Number(value['row']));
}

test('what was sent and not acknowledged is kept once when it is sent again', { skip }, async () => {
  const sink = await warm('again');
  const batch = tradeBatch('second', [{ row: 1 }, { row: 2 }]);
  await loseAnswer(() => sink.deliver(batch));
  await sink.close();
  await delivered({ topic: 'again' }, batch);
  assert.deepEqual(await rowsOf('again'), [0, 1, 2]);
});

test('another batch behind one that is in doubt is not taken for it', { skip }, async () => {
  const sink = await warm('other');
  await loseAnswer(() => sink.deliver(tradeBatch('second', [{ row: 1 }])));
  await sink.close();
  await delivered({ topic: 'other' }, tradeBatch('third', [{ row: 2 }]));
  assert.deepEqual(await rowsOf('other'), [0, 1, 2]);
});

/** Sends, and cuts the connection when the answer was on its way. */
async function loseAnswer(send: () => unknown): Promise<void> {
  broker.proxy.swallow();
  const sent = assert.rejects(async () => send(), /Connection closed/);
  await until('the answer is lost', () => broker.proxy.swallowed > 0);
  broker.proxy.cut();
  broker.proxy.pass();
  await sent;
}

test('a large batch goes in parts, and those that were acknowledged are not sent again', {
  skip,
}, async () => {
  const { sink } = await openDirect(kafka, { ...broker.values, topic: 'parts', request_bytes: 16_384 });
  const numbers = Array.from({ length: 500 }, (_, row) => row);
  const batch = tradeBatch(
    'large',
    numbers.map((row) => ({ row })),
  );
  await sink.deliver(batch);
  // as the runner does when something behind it has failed
  await sink.deliver(batch);
  await sink.flush();
  await sink.close();
  assert.deepEqual(await rowsOf('parts'), numbers);
});

test('a key is in the partition where other clients put it', { skip }, async () => {
  // what the tests of Kafka itself say of the hash of this key
  const place = { ...PLACE, symbol: 'foobar' };
  await delivered({ topic: 'spread', partitions: 7 }, tradeBatch('spread', [{ row: 0, place }]));
  const [{ partition }] = await broker.read({ topics: 'spread' });
  assert.equal(partition, (-790_332_482 & 0x7fffffff) % 7);
});

test('rows that cannot be messages are refused, and the others arrive', { skip }, async () => {
  const { sink, refused } = await openDirect(kafka, {
    ...broker.values,
    topic: 'refused-{symbol}',
    encoding: 'avro',
  });
  const long = { ...PLACE, symbol: 'X'.repeat(300) };
  await sink.deliver(
    tradeBatch('refused', [{ row: 0 }, { row: 1, place: long }, { row: 2, tradeIdHigh: 2 ** 31 }]),
  );
  await sink.flush();
  await sink.close();
  assert.deepEqual(
    refused.map(([row]) => row),
    [1, 2],
  );
  assert.match(refused[0][1], /cannot be the name of a topic/);
  assert.match(refused[1][1], /^avro cannot hold it: trade_id exceeds 63 bits: 9223372036854776810$/);
});

test('connections are encrypted and authenticated, and what is wrong is told without the password', {
  skip,
}, async () => {
  const values: Values = {
    brokers: [`127.0.0.1:${broker.tlsPort}`],
    ...{ topic: 'secure', tls: true, ca_file: broker.certificate.cert_path },
    ...{ sasl: 'plain', username: 'logger', password_env: 'KAFKA_TEST_PASSWORD' },
  };
  process.env['KAFKA_TEST_PASSWORD'] = PASSWORD;
  await delivered(values, tradeBatch('secure', [{ row: 7 }]));
  const [{ value }] = await broker.read({ topics: 'secure' });
  assert.equal(value['row'], '7');

  process.env['KAFKA_TEST_PASSWORD'] = 'wrong and secret';
  assert.match(await failure(values), /authentication/i);
  assert.match(await failure({ ...values, ca_file: '' }), /self-signed|unable to verify/i);
  await assert.rejects(openDirect(kafka, { ...values, ca_file: '/nowhere' }), /ca_file cannot be read/);
});

/** The message of a delivery that fails. */
async function failure(values: Values): Promise<string> {
  const { sink } = await openDirect(kafka, values);
  const error = await Promise.resolve(sink.deliver(tradeBatch('fails', [{ row: 0 }]))).catch((e: Error) => e);
  await sink.close();
  assert.ok(error instanceof Error);
  assert.doesNotMatch(error.message, /secret/);
  return error.message;
}

test('a topic that is missing and may not be made is an error that says so', { skip }, async () => {
  const values = { ...broker.values, topic: 'missing', create_topics: false };
  assert.match(await failure(values), /topic|partition/i);
});

test('a broker or a registry that is not there is an error with its address or reason', async () => {
  const port = await freePort();
  assert.match(
    await failure({ brokers: [`127.0.0.1:${port}`] }),
    new RegExp(`ECONNREFUSED 127.0.0.1:${port}`),
  );
  const registry_url = `http://127.0.0.1:${port}`;
  assert.match(
    await failure({ brokers: ['127.0.0.1:1'], registry_url }),
    /^the schema registry has not taken the schema of kraken-trades-value: .*ECONNREFUSED/,
  );
});

test('a compression that Node lacks is told before anything is sent', { skip: hasZstd && skip }, async () => {
  const values: Values = { topic: 'zstd', compression: 'zstd' };
  if (!hasZstd) {
    const lacking = /no compression zstd: it needs Node 22.15 or later, .*write compression = "gzip"/;
    await assert.rejects(openDirect(kafka, values), lacking);
    return;
  }
  await delivered(values, tradeBatch('zstd', [{ row: 0 }, { row: 1 }]));
  assert.deepEqual(await rowsOf('zstd'), [0, 1]);
});

test('a topic has only characters that Kafka allows', () => {
  const { topic } = kafka.options;
  assert.equal(topic.refuses('md.{exchange}_{channel}-{interval}'), undefined);
  assert.match(topic.refuses('{exchange}/{channel}') ?? '', /a topic has no "\/"/);
  assert.match(topic.refuses('{venue}') ?? '', /there is no \{venue\}/);
  assert.match(kafka.options.brokers.refuses(['localhost']) ?? '', /"localhost"/);
});
