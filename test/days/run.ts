/**
 * `npm run test:days -- --days 30 --exchange kraken`: so many days in compressed time. Ends with status 1 when a trade is
 * neither on disk exactly once nor listed with a true cause, or when anything is listed that was not missing.
 */
import { parseArgs } from 'node:util';
import { loadExchanges } from '../../src/exchanges/index.js';
import { runDays, summaryOf } from './days.js';

const HELP = `npm run test:days -- [options]
  --exchange <a,b>   one after the other; all (binance)
  --days <n>         how many days (30)
  --day-secs <s>     how long a day takes (20)
  --seed <n>         what happens when (1)
  --symbols <n>      symbols of an exchange (4)
  --rate <n>         messages per second (150)
Needs faketime. Examples:
  npm run test:days -- --days 30 --exchange okx
  npm run test:days -- --days 2 --exchange all --seed 7`;

const { values } = parseArgs({
  options: {
    exchange: { type: 'string', default: 'binance' },
    days: { type: 'string', default: '30' },
    'day-secs': { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    symbols: { type: 'string', default: '4' },
    rate: { type: 'string', default: '150' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) process.stdout.write(`${HELP}\n`);
else {
  let bad = 0;
  const all = (await loadExchanges()).map(({ id }) => id);
  const exchanges = values.exchange === 'all' ? all : values.exchange.split(',');
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
}
