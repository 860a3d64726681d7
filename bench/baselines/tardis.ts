/** Baseline: the `ws` package, `JSON.parse` and the normalizer for trades of `tardis-dev`. It stores nothing. */
import { type Exchange, normalizeTrades } from 'tardis-dev';
import { Count, connect, task } from './client.js';

const mapper = normalizeTrades(task.exchange as Exchange, new Date());
const count = new Count(() => {
  const ended_ms = performance.now();
  connections.ignore();
  count.result(ended_ms);
  connections.end();
});
const connections = connect((data) => {
  const message = JSON.parse(data.toString());
  if (!mapper.canHandle(message)) return;
  for (const { amount } of mapper.map(message, new Date()) ?? []) count.trade(amount);
});
