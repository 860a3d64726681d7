/**
 * What makes the process degraded or unhealthy, each rule once with its threshold: /health is a loop over them, and so is
 * the section about health in OPTIONS.md. Judged by rows that reached the disk and connections that are subscribed,
 * never by a thread being alive. Main thread.
 */
import { groupBy } from '../base/group_by.js';
import type { Refusal } from '../feed/connection/subscriptions.js';
import { DISK_LEVELS, type DiskLevel, durationText } from './disk.js';
import type { SymbolsStatus } from './exchange_symbols.js';
import { awake, byExchange, isUp, type SessionStatus, type Snapshot, symbolsOf } from './snapshot.js';

/** Seconds. */
export const HEALTH_SECS = {
  /** no connection and nothing received: an exchange is down, not just reconnecting */
  disconnected: 10,
  /** a new process gets so long until every symbol has sent something and has rows on disk */
  firstRows: 30,
  /** silence of the writer, or of its sync thread, that only a disk explains; it turns a hundred times in this time */
  diskSilent: 0.6,
  /** the same while a checkpoint makes the whole file system durable, and what a watchdog forgives */
  diskSilentAtCheckpoint: 5,
  /** what was lost shows for so long */
  lossShown: 60,
} as const;
/** Refusals that a reason names; connections list all of them. */
const REFUSALS_NAMED = 5;
/** Rows that wait for longer than so many flush intervals do not reach the disk. */
const FLUSH_INTERVALS_MAX = 2;

export interface HealthRule {
  /** a warning leaves the status as it is: capture is well, but something needs to be looked at */
  readonly status: 'unhealthy' | 'degraded' | 'warning';
  /** the condition, for the page */
  readonly doc: string;
  /** a reason for each time it is met */
  readonly find: (s: Snapshot) => readonly string[];
}

type WriterState = Pick<Snapshot, 'writer' | 'writerQuietSecs'>;

const when = (met: boolean, reason: string) => (met ? [reason] : []);

/** For how long the disk has not answered: to the writer, or to the sync that runs in parallel. */
export function diskSilentSecs({ writer, writerQuietSecs }: WriterState): number {
  return Math.max(writerQuietSecs, writer.journal_sync_running_ms / 1000);
}

/** What it does not answer to. */
export function silenceText(s: WriterState): string {
  return diskSilentSecs(s) > s.writerQuietSecs
    ? 'a sync of the journal has been running'
    : 'the writer has not turned';
}

/** Making a whole file system durable for a checkpoint may take a moment, no other call may. */
function isStalled(s: WriterState): boolean {
  const { diskSilent, diskSilentAtCheckpoint } = HEALTH_SECS;
  return diskSilentSecs(s) >= (s.writer.checkpoint_syncs === 1 ? diskSilentAtCheckpoint : diskSilent);
}

/** Whether rows that find no room in a ring are lost because of the disk. */
export function writerWaits(s: WriterState): boolean {
  return s.writer.disk_failing === 1 || isStalled(s);
}

/** Whether rows have been waiting for longer than a disk that works lets them. */
export function isUnwritten(s: Snapshot): boolean {
  return s.unwrittenSecs > s.flushIntervalSecs * FLUSH_INTERVALS_MAX;
}

/** When the newest connection of an exchange was begun. */
const begunMs = (s: Snapshot, sessions: readonly SessionStatus[]) =>
  Math.max(s.connectingMs, ...sessions.map(({ createdMs }) => createdMs));
const isYoung = (s: Snapshot, sessions: readonly SessionStatus[]) =>
  (s.nowMs - begunMs(s, sessions)) / 1000 < HEALTH_SECS.firstRows;

/** Whether all that an exchange could send is missing. */
const isDown = (sessions: readonly SessionStatus[]) => {
  const needed = awake(sessions);
  return needed.length > 0 && !needed.some(isUp);
};

/** Seconds since an exchange was heard of, or since it is being connected to. */
function unheardSecs(s: Snapshot, sessions: readonly SessionStatus[]): number {
  const heard = sessions.map(({ counters }) => counters.last_message * 1000);
  const last = Math.max(begunMs(s, sessions), ...heard);
  return (s.nowMs - last) / 1000;
}

/** A rule that is asked about each exchange. */
function each(find: (s: Snapshot, sessions: readonly SessionStatus[]) => string | false): HealthRule['find'] {
  return (s) =>
    [...byExchange(s)].flatMap(([exchange, sessions]) => {
      const reason = find(s, sessions);
      return reason === false ? [] : [`${exchange}: ${reason}`];
    });
}

/** A rule that is asked about the symbols of each exchange. */
function symbolReasons(find: (status: SymbolsStatus) => readonly string[]): HealthRule['find'] {
  return ({ symbols }) =>
    Object.entries(symbols).flatMap(([exchange, status]) =>
      find(status).map((reason) => `${exchange}: ${reason}`),
    );
}

/** Refusals by what the exchange says, the first of them by name. */
function refusalsText(refusals: readonly Refusal[]): string {
  const texts = [...groupBy(refusals, ({ reason }) => reason)].map(([reason, all]) => {
    const names = all.slice(0, REFUSALS_NAMED).map(({ native, channel }) => `${native} ${channel}`);
    const more = all.length - names.length;
    return `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''} (${reason})`;
  });
  return texts.slice(0, REFUSALS_NAMED).join('; ');
}

function diskRule(status: HealthRule['status'], level: Exclude<DiskLevel, 'ok'>): HealthRule {
  const { belowSecs, windowSecs } = DISK_LEVELS[level];
  const room = `at the rate of the last ${durationText(windowSecs)} the disk will be full in less than ${durationText(belowSecs)}`;
  return {
    status,
    doc: `${room}, or its file system will have no room for new files by then`,
    find: ({ disk }) => (disk?.level === level ? [disk.forecast ?? 'the disk is filling up'] : []),
  };
}

/** The worse ones first. */
export const HEALTH_RULES: readonly HealthRule[] = [
  {
    status: 'unhealthy',
    doc: 'the disk refuses writes',
    find: (s) => when(s.writer.disk_failing === 1, 'the disk refuses writes'),
  },
  {
    status: 'unhealthy',
    doc: `the disk has not answered for ${HEALTH_SECS.diskSilent} s, or for ${HEALTH_SECS.diskSilentAtCheckpoint} s while a checkpoint makes the file system durable`,
    find: (s) =>
      when(isStalled(s), `the disk does not answer: ${silenceText(s)} for ${diskSilentSecs(s).toFixed(1)} s`),
  },
  {
    status: 'unhealthy',
    doc: `files in use were removed in the last ${HEALTH_SECS.lossShown} s`,
    find: (s) =>
      when(
        s.removalQuietSecs < HEALTH_SECS.lossShown,
        'files were removed while they were in use; what they held is listed in GAPS',
      ),
  },
  {
    status: 'unhealthy',
    doc: `table-days were found damaged in the last ${HEALTH_SECS.lossShown} s`,
    find: (s) =>
      when(
        s.damageQuietSecs < HEALTH_SECS.lossShown,
        `${s.writer.damages} table-days were found damaged; what they held is in quarantine/ and listed in GAPS`,
      ),
  },
  {
    status: 'unhealthy',
    doc: `rows wait, and for more than ${FLUSH_INTERVALS_MAX} × \`logger.flush_interval_secs\` none has reached the disk`,
    find: (s) =>
      when(isUnwritten(s), `rows wait, but none has reached the disk for ${Math.round(s.unwrittenSecs)} s`),
  },
  diskRule('unhealthy', 'unhealthy'),
  {
    status: 'unhealthy',
    doc: `no connection of an exchange is up, and nothing has been received from it for ${HEALTH_SECS.disconnected} s`,
    find: each((s, sessions) => {
      const unheard = unheardSecs(s, sessions);
      return (
        isDown(sessions) &&
        unheard >= HEALTH_SECS.disconnected &&
        `no connection is up, nothing has been received for ${Math.round(unheard)} s`
      );
    }),
  },
  {
    status: 'degraded',
    doc: `a checkpoint has kept the disk from answering for ${HEALTH_SECS.diskSilent} s`,
    find: (s) =>
      when(!isStalled(s) && diskSilentSecs(s) >= HEALTH_SECS.diskSilent, 'a checkpoint waits for the disk'),
  },
  diskRule('degraded', 'degraded'),
  {
    status: 'degraded',
    doc: `the disk refused to make a segment of the journal durable in the last ${HEALTH_SECS.lossShown} s`,
    find: (s) =>
      when(
        s.poisonQuietSecs < HEALTH_SECS.lossShown,
        `journal_poisoned: the disk refused to make ${s.writer.journal_poisoned} segments of the journal durable; their blocks were written again`,
      ),
  },
  {
    status: 'degraded',
    doc: 'no connection has been started yet',
    find: (s) => when(s.sessions.length === 0, 'starting'),
  },
  {
    status: 'degraded',
    doc: 'a host has told us to stay away: too many requests, a ban, a country; nothing is sent to it before the time is over',
    find: ({ closedHosts }) =>
      closedHosts.map(
        ({ host, secs, status }) => `${host} answered ${status}, nothing is sent to it for ${secs} s`,
      ),
  },
  {
    status: 'degraded',
    doc: 'an exchange does not say which symbols it lists; it is asked again in the background',
    find: symbolReasons(({ trouble }) => (trouble === undefined ? [] : [trouble])),
  },
  {
    status: 'degraded',
    doc: 'a symbol or pattern of the configuration is not captured: the exchange does not list it, or there is no room',
    find: symbolReasons(({ refused }) => refused),
  },
  {
    status: 'degraded',
    doc: 'a connection is not up, but the exchange was heard of lately or has others',
    find: each((s, sessions) => {
      if (isDown(sessions))
        return unheardSecs(s, sessions) < HEALTH_SECS.disconnected && 'no connection is up';
      const needed = awake(sessions);
      const down = needed.filter((session) => !isUp(session)).length;
      return down > 0 && `${down} of ${needed.length} connections are not up`;
    }),
  },
  {
    status: 'degraded',
    doc: `connected for more than ${HEALTH_SECS.firstRows} s, but no row of the exchange has reached the disk for ${HEALTH_SECS.firstRows} s and a flush interval`,
    find: each((s, sessions) => {
      const unwritten = s.nowMs / 1000 - s.stored[sessions[0].exchange].last_row;
      const late = unwritten > HEALTH_SECS.firstRows + s.flushIntervalSecs;
      return !isYoung(s, sessions) && sessions.some(isUp) && late && 'no row has reached the disk lately';
    }),
  },
  {
    status: 'degraded',
    doc: 'the exchange refuses subscriptions; they are named with its words, and tried again at growing intervals',
    find: each((_, sessions) => {
      const refusals = sessions.flatMap((session) => session.refusals);
      return refusals.length > 0 && `${refusals.length} subscriptions are refused: ${refusalsText(refusals)}`;
    }),
  },
  {
    status: 'degraded',
    doc: `a symbol has sent nothing at all, ${HEALTH_SECS.firstRows} s after the start or later`,
    find: each((s, sessions) => {
      const silent = symbolsOf(sessions, ({ counters }) => counters.silent);
      return !isYoung(s, sessions) && silent > 0 && `${silent} symbols have sent nothing yet`;
    }),
  },
  {
    status: 'degraded',
    doc: 'a stream of an exchange has stopped although its symbol or its channel goes on elsewhere; `silent_streams` has all of them',
    find: each((_, sessions) => {
      const [first, ...others] = sessions.flatMap(({ silentStreams }) => silentStreams);
      const more = others.length === 0 ? '' : ` and ${others.length} more`;
      return first !== undefined && `silent: ${first}${more}`;
    }),
  },
  {
    status: 'degraded',
    doc: `messages or rows were dropped in the last ${HEALTH_SECS.lossShown} s`,
    find: (s) =>
      when(
        s.dropQuietSecs < HEALTH_SECS.lossShown,
        `messages were dropped in the last ${HEALTH_SECS.lossShown} s`,
      ),
  },
  diskRule('warning', 'warn'),
  {
    status: 'warning',
    doc: 'files of closed days differ from their checksums',
    find: ({ sealer }) =>
      when(sealer.damaged > 0, `${sealer.damaged} closed table-days are damaged, see logger verify`),
  },
];

/** The reasons that hold now, by status. */
export function findings(s: Snapshot): Readonly<Record<HealthRule['status'], readonly string[]>> {
  const found = { unhealthy: [] as string[], degraded: [] as string[], warning: [] as string[] };
  for (const { status, find } of HEALTH_RULES) found[status].push(...find(s));
  return found;
}
