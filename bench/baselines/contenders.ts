/**
 * The programs that the logger is compared with: how each is started, and why it cannot be where it cannot. Runs in the
 * process of a stage.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { SIMDJSON } from '../../src/feed/json/document.js';
import type { StageContext } from '../stage.js';
import { type Command, cryptofeedCommand, rustCommand } from './toolchains.js';

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

/** A program in Node, with what it needs of packages. */
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
          return { missing: `${wanted} is not installed` };
        }
      }
      return [process.execPath, file(`${name}.js`)];
    },
  };
}

/** The logger from the socket to the ring alone: no rival, but a part that is measured in the same way. */
export const FEED: readonly string[] = [process.execPath, file('feed.js')];

export const CONTENDERS: readonly Contender[] = [
  inNode('ws_parse', ['ws'], '`ws`, JSON.parse, stores nothing', 170_000),
  inNode('ws_json', ['ws'], '`ws`, JSON.parse, lines appended to files', 150_000),
  inNode('simdjson', ['ws', SIMDJSON], '`ws`, simdjson binding, lines appended to files', 80_000),
  inNode('tardis', ['ws', 'tardis-dev'], '`ws`, tardis-dev normalizer, stores nothing', 200_000),
  inNode('ccxt', ['ccxt'], 'ccxt pro client, stores nothing', 45_000),
  {
    name: 'rust',
    summary: 'tokio-tungstenite, serde_json, buffered writes of six columns, no journal',
    exchanges: both,
    smoke: false,
    rate: 800_000,
    command: () => rustCommand('columns'),
  },
  {
    name: 'rust_same_work',
    summary: 'tokio-tungstenite, serde_json, journal and all columns as the logger has them',
    exchanges: both,
    smoke: false,
    rate: 600_000,
    command: () => rustCommand('same_work'),
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

/** A contender that this machine can run. */
export interface Available {
  readonly contender: Contender;
  readonly command: readonly string[];
}

/** Those of `contenders` that this machine can run; the report says why the others are missing. */
export async function available(
  { smoke, progress, note }: Pick<StageContext, 'smoke' | 'progress' | 'note'>,
  contenders: readonly Contender[],
): Promise<Available[]> {
  const found: Available[] = [];
  for (const contender of contenders) {
    if (smoke && !contender.smoke) continue;
    progress(`${contender.name}: ${contender.summary}`);
    const command = await contender.command();
    if ('missing' in command) note(`${contender.name} was left out: ${command.missing}`);
    else found.push({ contender, command });
  }
  return found;
}
