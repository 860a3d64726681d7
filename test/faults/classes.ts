/**
 * The faults that a capture has to survive, each once, with what makes it happen. rounds.ts runs them; the table of
 * docs/internals/faults.md has a row for each.
 */
import { sleep } from '../support/processes.js';
import type { Scene } from './scene.js';

export interface FaultClass {
  readonly name: string;
  /** for the table */
  readonly what: string;
  readonly exchanges: readonly string[];
  readonly channels?: readonly string[];
  /** flags of the simulator */
  readonly flags?: readonly string[];
  /** lines for the sections of the exchanges */
  readonly lines?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** the exchanges have names instead of addresses */
  readonly named?: boolean;
  /** how often it happens when nobody says otherwise */
  readonly rounds?: number;
  /** some trades stay missing: why */
  readonly unrepairable?: string;
  /** before the first round, once the capture is well */
  readonly prepare?: (scene: Scene) => Promise<unknown>;
  /** Makes it happen; answers when it is over, in ms since 1970, if that is not now. */
  readonly inject: (scene: Scene) => Promise<number | undefined>;
}

type Request = Readonly<Record<string, unknown>>;
type Options = Omit<FaultClass, 'name' | 'what' | 'inject' | 'exchanges'> & { exchanges?: readonly string[] };

const PROXY = ['--fault-proxy'];
const TLS = [...PROXY, '--tls'];
/** One that numbers by ids and one that has only times over REST; and others, so that each has its turn. */
const FIRST = ['binance', 'kraken'];
const SECOND = ['coinbase', 'okx'];
const THIRD = ['coinbase-advanced', 'upbit'];
const ALL = [...FIRST, ...SECOND, ...THIRD];

/** A class whose faults follow each other at once; the last of them to be over ends it. */
function faults(
  name: string,
  what: string,
  requests: readonly Request[],
  { exchanges = FIRST, ...options }: Options = {},
): FaultClass {
  const inject = async (scene: Scene) => {
    let over = 0;
    for (const request of requests) over = Math.max(over, await scene.fault(request));
    return over;
  };
  return { name, what, exchanges, ...options, inject };
}

const cut = { kind: 'cut', connections: 'all' };
const reset = { kind: 'net-reset' };

const NETWORK: readonly FaultClass[] = [
  faults('end', 'the stream ends without a close frame', [{ kind: 'net-cut' }], { flags: PROXY }),
  faults('reset', 'every connection is reset', [reset], { exchanges: SECOND, flags: PROXY }),
  faults('reset-tls', 'every connection is reset, with TLS', [reset], { exchanges: THIRD, flags: TLS }),
  faults('cut-in-message', 'the stream ends within a message', [{ kind: 'net-cut', bytes: 700 }], {
    flags: PROXY,
  }),
  faults(
    'half-open',
    'nothing arrives for 5 s, and no end of a connection either',
    [{ kind: 'net-half-open', seconds: 5 }],
    { flags: PROXY },
  ),
  faults(
    'half-open-long',
    'the same for 40 s: handshakes hang, too',
    [{ kind: 'net-half-open', seconds: 40 }],
    {
      exchanges: SECOND,
      flags: PROXY,
      rounds: 2,
    },
  ),
  faults(
    'half-open-one',
    'one of the connections is dead and open',
    [{ kind: 'net-half-open', connections: 'one', seconds: 1 }],
    { exchanges: THIRD, flags: PROXY },
  ),
  faults('stall', 'nothing passes for 5 s, then everything', [{ kind: 'net-stall', seconds: 5 }], {
    exchanges: SECOND,
    flags: PROXY,
  }),
  faults('stall-long', 'nothing passes for 30 s, then everything', [{ kind: 'net-stall', seconds: 30 }], {
    flags: PROXY,
    rounds: 2,
  }),
  faults('slow', '8 KB/s pass for 10 s, less than is sent', [{ kind: 'net-slow', rate: 8192, seconds: 10 }], {
    flags: PROXY,
  }),
  faults(
    'trickle',
    'single bytes, 500 in a second, for 10 s',
    [{ kind: 'net-slow', rate: 500, bytes: 1, seconds: 10 }],
    { exchanges: SECOND, flags: PROXY },
  ),
  faults('delay', 'everything takes 2 s longer, for 10 s', [{ kind: 'net-delay', delay: 2, seconds: 10 }], {
    exchanges: THIRD,
    flags: PROXY,
  }),
  faults('wrong-bit', 'a wrong bit within TLS', [{ kind: 'net-corrupt', count: 2 }], { flags: TLS }),
  faults(
    'refused',
    'reset, and connections are refused for 5 s',
    [{ kind: 'net-refuse', seconds: 5 }, reset],
    {
      exchanges: ALL,
      flags: PROXY,
    },
  ),
  faults(
    'certificate',
    'reset, and for 5 s somebody answers with another certificate',
    [{ kind: 'net-certificate', seconds: 5 }, reset],
    { exchanges: SECOND, flags: TLS },
  ),
  ...(['unknown', 'failing', 'silent', 'wrong'] as const).map(
    (trouble): FaultClass => ({
      name: `name-${trouble}`,
      what: {
        unknown: 'reset, and for 5 s the name of the exchange does not exist',
        failing: 'reset, and for 5 s the name server fails',
        silent: 'reset, and for 5 s the name server does not answer',
        wrong: 'reset, and for 5 s the name has an address where nobody listens',
      }[trouble],
      exchanges: FIRST,
      flags: PROXY,
      named: true,
      inject: (scene) => scene.cutWith(trouble, 5),
    }),
  ),
];

const CONNECTIONS: readonly FaultClass[] = [
  faults('close-frame', 'connections are closed with 1001, going away', [{ ...cut, code: 1001 }], {
    exchanges: ALL,
  }),
  faults('half-frame', 'part of a frame, then the end', [{ kind: 'half-frame' }], { exchanges: SECOND }),
  faults(
    'planned',
    'connections are closed as after 24 hours, announced where the exchange does so',
    [{ kind: 'close-24h' }],
    { exchanges: ['binance', 'okx', 'upbit'] },
  ),
  faults('shutdown', 'a shutdown is announced, and comes 8 s later', [{ kind: 'server-shutdown' }], {
    exchanges: ['binance', 'okx'],
    rounds: 2,
  }),
  // of a book that is changed, the snapshot of the second connection is rightly not stored, and in the ledger
  faults(
    'redundant',
    'one of two connections with the same streams is cut',
    [{ kind: 'cut', connections: 'one' }],
    { exchanges: ['binance', 'upbit'], lines: ['redundancy = 2'] },
  ),
  faults('upgrade-503', 'cut, and handshakes are answered with 503 for 5 s', [
    { kind: 'http', target: 'upgrade', status: 503, seconds: 5 },
    cut,
  ]),
  faults(
    'upgrade-429',
    'cut, and the next two handshakes with 429 and Retry-After 3',
    [{ kind: 'http', target: 'upgrade', status: 429, retry_after: 3, count: 2 }, cut],
    { exchanges: SECOND },
  ),
  faults(
    'upgrade-451',
    'cut, and handshakes are forbidden for 5 s, with a page',
    [{ kind: 'http', target: 'upgrade', status: 451, body: 'html', seconds: 5 }, cut],
    { exchanges: THIRD },
  ),
  faults(
    'unanswered',
    'cut, and new connections are dropped unanswered for 5 s',
    [{ kind: 'refuse', seconds: 5 }, cut],
    { exchanges: THIRD },
  ),
  faults(
    'throttled',
    'cut, and the next two requests to subscribe are too many',
    [{ kind: 'throttle', count: 2 }, cut],
    { exchanges: ['kraken', 'okx'] },
  ),
];

const MESSAGES: readonly FaultClass[] = [
  // ids of Upbit are not contiguous: nobody can see that
  faults('drop', '20 trades are not sent', [{ kind: 'drop', count: 20 }], {
    exchanges: [...FIRST, ...SECOND, 'coinbase-advanced'],
  }),
  faults('drop-long', '500 trades in a row are not sent', [{ kind: 'drop', count: 500 }]),
  // the checksum of Kraken covers ten levels of a side: what is lost below shows when it comes up, or never
  faults('drop-book', '20 changes of books are not sent', [{ kind: 'drop', channel: 'book', count: 20 }], {
    exchanges: ['binance', 'okx'],
  }),
  faults('duplicate', '20 trades are sent twice', [{ kind: 'duplicate', count: 20 }], { exchanges: ALL }),
  faults('reorder', '20 trades are sent after the next one', [{ kind: 'reorder', count: 20 }], {
    exchanges: ALL,
  }),
  faults('checksum', 'a book with a wrong checksum', [{ kind: 'corrupt', count: 1 }], {
    exchanges: ['kraken'],
  }),
  faults('reset-book', 'the numbers of books begin again', [{ kind: 'reset-book' }], {
    exchanges: ['binance', 'bybit-linear'],
    channels: ['book', 'trades'],
    unrepairable: 'Bybit gives only the newest trades',
  }),
  faults(
    'stale-book',
    'cut, and the next two snapshots over REST are old',
    [{ kind: 'stale-book', count: 2 }, cut],
    { exchanges: ['binance'] },
  ),
  faults('garbage', 'a message that is not JSON', [{ kind: 'garbage' }], { exchanges: ALL }),
  faults('not-utf-8', 'a message that is not UTF-8', [{ kind: 'invalid-utf8' }], { exchanges: SECOND }),
  faults('huge', 'a message of 48 MB', [{ kind: 'huge', bytes: 48 * 1024 * 1024 }], { exchanges: THIRD }),
];

const STREAMS: readonly FaultClass[] = [
  {
    ...faults(
      'mute',
      'one stream stops, and its connection goes on',
      [{ kind: 'mute', symbol: 'ETHUSDT', channel: 'trades' }],
      { exchanges: ['binance'], rounds: 2 },
    ),
    // what a stream usually does has to be known first
    prepare: () => sleep(60_000),
  },
  {
    ...faults(
      'mute-all',
      'accepted and mute: no stream sends anything for 15 s, new ones neither',
      [
        ...['trades', 'ticker', 'bbo', 'book', 'agg_trades'].map((channel) => ({
          kind: 'mute',
          channel,
          seconds: 15,
        })),
      ],
      { exchanges: ['binance', 'upbit'], rounds: 2 },
    ),
    prepare: () => sleep(80_000),
  },
  faults(
    'stopped',
    'nothing at all is sent for 5 s, then all that was held back',
    [{ kind: 'stall', seconds: 5 }],
    { exchanges: ALL },
  ),
  {
    name: 'delisted',
    what: 'a symbol is delisted, and listed again 8 s later',
    exchanges: ['coinbase', 'binance'],
    env: { LOGGER__SYMBOLS__REFRESH_SECS: '1' },
    lines: ['symbols = "all"'],
    inject: async (scene) => {
      const symbols = { coinbase: 'ETH-USD', binance: 'ETHUSDT' };
      for (const [exchange, symbol] of Object.entries(symbols))
        await scene.fault({ kind: 'delist', exchange, symbol });
      await sleep(8000);
      for (const [exchange, symbol] of Object.entries(symbols))
        await scene.fault({ kind: 'list', exchange, symbol });
      return Date.now();
    },
  },
  {
    name: 'halted',
    what: 'a symbol is halted for 5 s',
    exchanges: ['coinbase'],
    env: { LOGGER__SYMBOLS__REFRESH_SECS: '1' },
    inject: async (scene) => {
      await scene.fault({ kind: 'halt', symbol: 'ETH-USD' });
      await sleep(5000);
      return scene.fault({ kind: 'resume', symbol: 'ETH-USD' });
    },
  },
  faults(
    'denied',
    'cut, and a symbol is refused for 10 s',
    [{ kind: 'deny', symbol: 'ETHUSDT', seconds: 10 }, cut],
    { exchanges: ['binance'], rounds: 2 },
  ),
];

/** Everything is cut while REST is in trouble, which is where missed trades come from. */
function rest(name: string, what: string, request: Request, exchanges: readonly string[]): FaultClass {
  const http = { kind: 'http', target: 'rest', ...request };
  return faults(`rest-${name}`, `cut, and ${what}`, [http, cut], { exchanges });
}

const REST: readonly FaultClass[] = [
  rest(
    '429',
    'the next two requests are answered with 429',
    { status: 429, retry_after: 2, count: 2 },
    FIRST,
  ),
  rest('418', 'the next request with 418 and Retry-After 5', { status: 418, retry_after: 5, count: 1 }, [
    'binance',
  ]),
  rest('451', 'requests are forbidden for 5 s', { status: 451, seconds: 5 }, SECOND),
  rest('503', 'requests are answered with 503 for 5 s', { status: 503, seconds: 5 }, THIRD),
  rest('page', 'requests are answered with a page for 5 s', { status: 200, body: 'html', seconds: 5 }, FIRST),
  {
    ...faults('rest-overlap', 'cut, and pages of trades repeat 50 of their neighbours', [cut], {
      exchanges: ['binance', ...SECOND],
    }),
    prepare: (scene) => scene.fault({ kind: 'overlap-pages', count: 50 }),
  },
  faults(
    'out-of-reach',
    'cut for 5 s, where REST gives only the last 60 trades',
    [{ kind: 'refuse', seconds: 5 }, cut],
    { exchanges: ['bybit'], unrepairable: 'the exchange has no more of them' },
  ),
];

const RESTARTS: readonly FaultClass[] = [
  {
    name: 'restarted',
    what: 'the logger is stopped, and started 5 s later',
    exchanges: FIRST,
    inject: (scene) => scene.restart(5),
  },
  {
    name: 'killed',
    what: 'the logger is killed, and started 5 s later',
    exchanges: SECOND,
    inject: (scene) => scene.restart(5, 'SIGKILL'),
  },
  {
    name: 'down-5-minutes',
    what: 'the logger is stopped, and started 5 minutes later',
    exchanges: ALL,
    rounds: 1,
    inject: (scene) => scene.restart(300),
  },
];

export const FAULT_CLASSES: readonly FaultClass[] = [
  ...NETWORK,
  ...CONNECTIONS,
  ...MESSAGES,
  ...STREAMS,
  ...REST,
  ...RESTARTS,
];
