/** JSON as text for tests that change messages and keep everything else of them as it was sent. */

/** A member of an object in a text, at any depth. */
export interface Member {
  readonly key: string;
  /** index of the quote in front of the key */
  readonly at: number;
  /** of the value */
  readonly from: number;
  /** behind it */
  readonly to: number;
}

const KEY = /"((?:[^"\\]|\\.)*)"\s*:\s*/y;
const STRING = /"(?:[^"\\]|\\.)*"/y;

/** Every member of every object in a valid text, in the order in which they begin. */
export function everyMember(text: string): Member[] {
  const members: Member[] = [];
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== '"') continue;
    KEY.lastIndex = at;
    const match = KEY.exec(text);
    if (match === null) {
      STRING.lastIndex = at;
      at = STRING.test(text) ? STRING.lastIndex - 1 : text.length;
      continue;
    }
    const from = KEY.lastIndex;
    members.push({ key: match[1], at, from, to: valueEnd(text, from) });
    at = from - 1;
  }
  return members;
}

/** The source text of each member of the object in `text`; numbers keep their text. */
export function membersOf(text: string): [key: string, value: string][] {
  const members: [string, string][] = [];
  let behind = 0;
  for (const { key, at, from, to } of everyMember(text)) {
    if (at < behind) continue;
    members.push([key, text.slice(from, to)]);
    behind = to;
  }
  return members;
}

/** Index behind the value that begins at `from`, white space behind it left out. */
export function valueEnd(text: string, from: number): number {
  const TOKEN = /"(?:[^"\\]|\\.)*"|[[\]{},]|[^"[\]{},]+|"/gs;
  TOKEN.lastIndex = from;
  let depth = 0;
  let end = text.length;
  for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) {
    const [token] = match;
    if (depth === 0 && /^[,}\]]$/.test(token)) {
      end = match.index;
      break;
    }
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
  }
  return from + text.slice(from, end).trimEnd().length;
}
