/**
 * `npm run test:rotation -- --handovers 1000`: rotation under load in compressed time, several exchanges at once. Ends
 * with status 1 when a trade is missing or stored twice, or a book is wrong.
 */
import { programOptions } from '../support/arguments.js';
import { faultsOf, rotate, summaryOf } from './rounds.js';

const values = programOptions('npm run test:rotation -- [options]', {
  exchanges: {
    default: 'binance,binance-futures,bybit,bybit-linear,coinbase,coinbase-advanced,okx,upbit',
    doc: 'which exchanges; all that may connect so often',
    value: 'a,b',
  },
  handovers: { default: '1000', doc: 'how many connections are replaced' },
  age: { default: '32', doc: 'age at which the exchanges close connections', value: 's' },
  lead: {
    default: '12',
    doc: 'how much earlier the logger is told to expect it: a share of a day is hours, here it is nothing',
    value: 's',
  },
  notice: { default: '0', doc: 'how long before they announce that', value: 's' },
  told: { default: false, doc: 'replace only when told, not by age' },
  redundancy: { default: '1', doc: 'connections with the same streams' },
  channels: { default: 'trades,ticker,bbo,agg_trades,book', doc: 'what is captured', value: 'a,b' },
  rate: { default: '1000', doc: 'messages per second and exchange' },
  symbols: { default: '8', doc: 'symbols per exchange' },
});

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
