/**
 * `npm run test:days -- --days 30 --exchange kraken`: so many days in compressed time. Ends with status 1 when a trade is
 * neither on disk exactly once nor listed with a true cause, or when anything is listed that was not missing.
 */
import { loadExchanges } from '../../src/exchanges/index.js';
import { programOptions } from '../support/arguments.js';
import { runDays, summaryOf } from './days.js';

const values = programOptions('npm run test:days -- [options]; needs faketime', {
  exchange: { default: 'binance', doc: 'which exchanges, one after the other; all', value: 'a,b' },
  days: { default: '30', doc: 'how many days' },
  'day-secs': {
    default: '20',
    doc: 'how long a day takes; of Kraken 60, it allows few connections',
    value: 's',
  },
  seed: { default: '1', doc: 'what happens when' },
  symbols: { default: '4', doc: 'symbols of an exchange' },
  rate: { default: '150', doc: 'messages per second' },
});

const exchanges =
  values.exchange === 'all' ? (await loadExchanges()).map(({ id }) => id) : values.exchange.split(',');
let bad = 0;
for (const exchange of exchanges) {
  const result = await runDays({
    exchange,
    days: Number(values.days),
    daySecs: Number(values['day-secs']),
    seed: Number(values.seed),
    symbols: Number(values.symbols),
    rate: Number(values.rate),
    report: (line) => process.stderr.write(`${exchange}: ${line}\n`),
  });
  process.stdout.write(`${summaryOf(exchange, result)}\n`);
  bad += result.problems.length;
}
process.exitCode = bad === 0 ? 0 : 1;
