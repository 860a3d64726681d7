// The table of evidence in ADD_NEW_EXCHANGE.md from what the exchanges declare. Used by generate.mjs.

const LOSS = {
  contiguous: 'ids that count up by one',
  unordered: 'disconnects only; ids show repeated trades',
  none: 'disconnects only',
};

const code = (text) => `\`${text}\``;

function rowsOf({ id, channels, evidence }) {
  return Object.entries(evidence).map(([names, { wire, from, loss }], n) => {
    const ours = names.split(' ');
    const { ids } =
      channels[ours[0]] ?? Object.values(channels).find(({ interval }) => interval !== undefined);
    const cells = [n === 0 ? code(id) : '', ours.map(code).join(' '), wire, loss ?? LOSS[ids], from];
    return `| ${cells.join(' | ')} |`.replace('|  |', '| |');
  });
}

/** The lines between the marks of the page. */
export function evidenceTable(exchanges) {
  return [
    '| exchange | channel | their name | loss shows by | evidence |',
    '|---|---|---|---|---|',
    ...exchanges.flatMap(rowsOf),
  ];
}
