/**
 * The sink `kafka` and a real broker: what Confluent's client reads there is what the column files have, in every table of
 * all exchanges, whatever fails meanwhile.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { comparisonText } from '../support/delivered.js';
import { compareMessages, lacksReader, readTopics } from '../support/kafka_rows.js';
import { temporaryFolder } from '../support/processes.js';
import { freePort, lacksProgram, type Server, startServer } from '../support/servers.js';
import { SinkScene } from '../support/sink_scene.js';
import { TcpProxy } from '../support/tcp_proxy.js';

const skip =
  lacksProgram('scripts/servers/kafka.sh', ['installed'], 'the jars of Kafka are not installed') ||
  lacksReader();

const KILLS = 3;

/** A broker that sends its clients to a proxy in front of it. */
async function brokerBehind(): Promise<{ server: Server; proxy: TcpProxy }> {
  const port = await freePort();
  const proxy = await TcpProxy.to(port);
  const advertised = `advertised.listeners=PLAINTEXT://127.0.0.1:${proxy.port}`;
  return { server: await startServer('kafka', [advertised], port), proxy };
}

function sinkLines(port: number, ...more: readonly string[]): string[] {
  return ['type = "kafka"', `brokers = ["127.0.0.1:${port}"]`, ...more];
}

test('no row is missing whatever fails, and none is there twice unless the logger was killed', {
  skip,
}, async (t) => {
  const { server, proxy } = await brokerBehind();
  const scene = new SinkScene({ folder: temporaryFolder('kafka'), sinkLines: sinkLines(proxy.port) });
  await scene.start();
  await scene.delivered();
  for (let round = 0; round < KILLS; round++) await scene.lostAnswers(proxy);
  await scene.withoutServer(server);
  const before = (await readTopics({ port: proxy.port, topics: '.*' })).map(({ value }) => value);
  const names = before.map(({ exchange, native, table, day, row }) =>
    [exchange, native, table, day, row].join(),
  );
  assert.equal(new Set(names).size, names.length);
  for (let round = 0; round < KILLS; round++) await scene.killLogger();
  await scene.finish();

  const messages = await readTopics({ port: proxy.port, topics: '.*' });
  const { twice, ...comparison } = compareMessages(scene.dataPath, messages);
  assert.equal(comparisonText({ ...comparison, twice: [] }), '');
  t.diagnostic(`${messages.length} messages, ${twice.length} of them twice after ${KILLS} kills`);
  assert.ok(messages.every(({ key, value }) => key === value['symbol']));
  const topics = new Set(messages.map(({ topic }) => topic));
  for (const topic of [
    'kraken-trades',
    'kraken-ticker',
    'kraken-bbo',
    'kraken-book',
    'kraken-klines',
    'binance-agg_trades',
  ])
    assert.ok(topics.has(topic), topic);
  assert.ok([...topics].some((topic) => topic.endsWith('-gaps')));
});
