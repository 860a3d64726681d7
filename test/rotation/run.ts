/**
 * `npm run test:rotation -- --handovers 1000`: rotation under load in compressed time, several exchanges at once. Ends
 * with status 1 when a trade is missing or stored twice, or a book is wrong.
 */
import { parseArgs } from 'node:util';
import { faultsOf, rotate, summaryOf } from './rounds.js';

const HELP = `npm run test:rotation -- [options]
  --exchanges <a,b>   which exchanges (all that may connect so often)
  --handovers <n>     how many connections are replaced (1000)
  --age <s>           age at which the exchanges close connections (32)
  --lead <s>          how much earlier the logger is told to expect it (12): a share of a day is hours, here it is nothing
  --notice <s>        how long before they announce that (0)
  --told              replace only when told, not by age
  --redundancy <n>    connections with the same streams (1)
  --channels <a,b>    what is captured (trades,ticker,bbo,agg_trades,book)
  --rate <n>          messages per second and exchange (1000)
  --symbols <n>       symbols per exchange (8)`;

const { values } = parseArgs({
  options: {
    exchanges: {
      type: 'string',
      default: 'binance,binance-futures,bybit,bybit-linear,coinbase,coinbase-advanced,okx,upbit',
    },
    handovers: { type: 'string', default: '1000' },
    age: { type: 'string', default: '32' },
    lead: { type: 'string', default: '12' },
    notice: { type: 'string', default: '0' },
    told: { type: 'boolean', default: false },
    redundancy: { type: 'string', default: '1' },
    channels: { type: 'string', default: 'trades,ticker,bbo,agg_trades,book' },
    rate: { type: 'string', default: '1000' },
    symbols: { type: 'string', default: '8' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) process.stdout.write(`${HELP}\n`);
else {
  const age = Number(values.age);
  const result = await rotate({
    exchanges: values.exchanges.split(','),
    closeAfterSecs: age,
    noticeSecs: Number(values.notice),
    expectedSecs: values.told ? 0 : age - Number(values.lead),
    handovers: Number(values.handovers),
    redundancy: Number(values.redundancy),
    channels: values.channels.split(','),
    rate: Number(values.rate),
    symbols: Number(values.symbols),
    patienceSecs: 3600,
  });
  const faults = faultsOf(result);
  process.stdout.write(`${[summaryOf(result), ...faults].join('\n')}\n`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
