// src/schema/own_columns.ts from the `ownColumns` of the channels of all exchanges. Used by generate.mjs.

const HEAD = `/**
 * Columns that only the files of some exchanges have, by exchange. The store knows no exchange, so this is generated from
 * the \`ownColumns\` of their channels: npm run generate.
 */
`;

/** `'bybit-linear': ['trade_uuid'],` for every exchange that has any. */
function lineOf({ id, channels }) {
  const names = new Set(Object.values(channels).flatMap(({ ownColumns }) => ownColumns ?? []));
  const key = /^\w+$/.test(id) ? id : `'${id}'`;
  return names.size === 0 ? [] : [`  ${key}: [${[...names].map((name) => `'${name}'`).join(', ')}],`];
}

export function ownColumnsFile(exchanges) {
  const type = 'Readonly<Record<string, readonly string[]>>';
  return [`${HEAD}export const OWN_COLUMNS: ${type} = {`, ...exchanges.flatMap(lineOf), '};', ''].join('\n');
}
