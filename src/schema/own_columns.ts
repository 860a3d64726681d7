/**
 * Columns that only the files of some exchanges have, by exchange. The store knows no exchange, so this is generated from
 * the `ownColumns` of their channels: npm run generate.
 */
export const OWN_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  'binance-futures': ['trade_kind'],
  bybit: ['trade_kind'],
  'bybit-linear': ['trade_uuid', 'trade_kind'],
  okx: ['trade_kind'],
};
