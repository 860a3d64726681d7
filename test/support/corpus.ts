/**
 * Recorded messages with their independently derived expectations. Where the whole corpus is (`../shared/corpus`, see its
 * INDEX.md), tests go through all of it, elsewhere through the slice in test/recordings. LOGGER_CORPUS names another
 * folder, e.g. the slice where the whole is.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';

const WHOLE = resolve('..', 'shared', 'corpus');
const SLICE = resolve('test', 'recordings');
const ROOT = process.env.LOGGER_CORPUS ?? (existsSync(WHOLE) ? WHOLE : SLICE);

/** Whether all of the corpus is read, so that exact counts can be compared. */
export const isWholeCorpus = resolve(ROOT) === WHOLE;

/** A reason to skip for tests that need what the slice does not have. */
export const corpusMissing = isWholeCorpus ? false : 'the recorded corpus is not on this machine';

/** How many events a test has to compare at least, when there are so many in the whole corpus. */
export const atLeast = (events: number): number => (isWholeCorpus ? events : Math.min(events, SLICE_EVENTS));
const SLICE_EVENTS = 40;

export interface Recorded {
  readonly raw: string;
  readonly opcode: string;
}

export interface Expected {
  readonly line: number;
  readonly kind: string;
  readonly symbol: string;
  readonly [key: string]: unknown;
}

function readLines<T>(file: string): T[] {
  return gunzipSync(readFileSync(file))
    .toString('utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
}

/** Paths (without `.jsonl.gz`) of the recordings of one corpus folder, or of the files in `large` with its name. */
export function recordings(exchange: string): string[] {
  const inFolder = (folder: string, prefix: string) =>
    (existsSync(join(ROOT, folder)) ? readdirSync(join(ROOT, folder)) : [])
      .filter((file) => file.startsWith(prefix) && file.endsWith('.jsonl.gz') && !file.includes('.expected.'))
      .map((file) => join(folder, file.slice(0, -'.jsonl.gz'.length)));
  return [...inFolder(exchange, ''), ...inFolder('large', `${exchange}-`)];
}

/** File of the messages of a recording. */
export const recordingPath = (recording: string): string => join(ROOT, `${recording}.jsonl.gz`);

export function readMessages(recording: string): Recorded[] {
  return readLines(recordingPath(recording));
}

export function readExpected(recording: string): Expected[] {
  return readLines(join(ROOT, `${recording}.expected.jsonl.gz`));
}

/** Which of the two exchanges that `coinbase` has recordings of sent a message: Advanced Trade sends lists of events. */
export function sentByCoinbase(raw: string): 'coinbase' | 'coinbase-advanced' {
  return /"channel":"\w+",.*"events":\[/.test(raw) ? 'coinbase-advanced' : 'coinbase';
}
