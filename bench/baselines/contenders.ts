/**
 * The programs that the logger is compared with: how each is started, and why it cannot be where it cannot. Runs in the
 * process of a stage.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { cryptofeedCommand, rustCommand } from './toolchains.js';

/** A command to which the task is added, or what the machine lacks for it. */
export type Command = readonly string[] | { readonly missing: string };

export interface Contender {
  readonly name: string;
  /** what it is, for the report */
  readonly summary: string;
  /** exchanges it can be compared on */
  readonly exchanges: readonly string[];
  /** part of the smoke test: needs nothing but packages of the project */
  readonly smoke: boolean;
  /** messages per second that it takes, roughly: what takes longer gets fewer */
  readonly rate: number;
  /** may take minutes the first time, when it has to be built */
  command(): Promise<Command>;
}

const both = ['binance', 'coinbase'];
const file = (name: string) => fileURLToPath(new URL(`./${name}`, import.meta.url));

/** A program in Node, with the packages it needs. */
function inNode(name: string, packages: readonly string[], summary: string, rate: number): Contender {
  return {
    name,
    summary,
    exchanges: both,
    smoke: true,
    rate,
    command: async () => {
      const require = createRequire(import.meta.url);
      for (const wanted of packages) {
        try {
          require.resolve(wanted);
        } catch {
          return { missing: `the package ${wanted} is not installed` };
        }
      }
      return [process.execPath, file(`${name}.js`)];
    },
  };
}

/** The logger from the socket to the ring alone: no rival, but a part that is measured in the same way. */
export const FEED: readonly string[] = [process.execPath, file('feed.js')];

export const CONTENDERS: readonly Contender[] = [
  inNode('ws_json', ['ws'], '`ws`, JSON.parse, lines appended to files', 120_000),
  inNode('simdjson', ['ws', 'simdjson'], '`ws`, simdjson binding, lines appended to files', 80_000),
  inNode('tardis', ['ws', 'tardis-dev'], '`ws`, tardis-dev normalizer, stores nothing', 200_000),
  inNode('ccxt', ['ccxt'], 'ccxt pro client, stores nothing', 45_000),
  {
    name: 'rust',
    summary: 'tokio-tungstenite, serde_json, buffered column writes',
    exchanges: both,
    smoke: false,
    rate: 800_000,
    command: rustCommand,
  },
  {
    name: 'cryptofeed',
    summary: 'websockets, parsing and trade handler of cryptofeed, stores nothing',
    exchanges: ['binance'],
    smoke: false,
    rate: 60_000,
    command: cryptofeedCommand,
  },
];
