// The table of exchanges and channels in README.md from what the exchanges declare. Used by generate.mjs.
import { channelOptions, KLINES_CHANNEL } from '../dist/src/feed/plan.js';
import { AGG_TRADES, BBO, BOOK, KLINE_INTERVALS, MD, TRADES } from '../dist/src/schema/tables.js';

const NONE = '–';

const COLUMNS = [
  ['trades', TRADES],
  ['aggregate trades', AGG_TRADES],
  ['ticker', MD],
  ['best bid and ask', BBO],
  ['order book', BOOK],
];

const code = (text) => `\`${text}\``;

function channelCell({ channels }, table) {
  const names = Object.keys(channels).filter((name) => channels[name].table === table);
  return names.map(code).join(' or ') || NONE;
}

/** Which candles the exchange sends itself. */
function candleCell(exchange) {
  if (!channelOptions(exchange).includes(KLINES_CHANNEL)) return NONE;
  const sent = Object.values(exchange.channels).flatMap(({ interval }) => interval ?? []);
  const all = Object.keys(KLINE_INTERVALS);
  const missing = all.filter((interval) => !sent.includes(interval));
  if (missing.length === 0) return code(KLINES_CHANNEL);
  const aggregated = missing.length === all.length ? 'all' : missing.join(', ');
  return `${code(KLINES_CHANNEL)} (from trades: ${aggregated})`;
}

/** The lines of the table. */
export function channelsTable(exchanges) {
  const headings = COLUMNS.map(
    ([title, { name }]) => `${title}<br>[${name}](TABLES.md#${name.toLowerCase()})`,
  );
  return [
    `| exchange | id | ${headings.join(' | ')} | candles<br>[KLINES](TABLES.md#klines_1m) |`,
    `|---|---|${'---|'.repeat(COLUMNS.length + 1)}`,
    ...exchanges.map((exchange) => {
      const cells = COLUMNS.map(([, table]) => channelCell(exchange, table));
      return `| ${[exchange.title, code(exchange.id), ...cells, candleCell(exchange)].join(' | ')} |`;
    }),
  ];
}
