/**
 * Recorded messages with their independently derived expectations (`../shared/corpus`, see its INDEX.md). Where it is
 * absent, tests that need it say that they were skipped.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';

const ROOT = resolve('..', 'shared', 'corpus');

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

export const corpusMissing = existsSync(ROOT) ? false : 'the recorded corpus is not on this machine';

function readLines<T>(file: string): T[] {
  return gunzipSync(readFileSync(file))
    .toString('utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
}

/** Paths (without `.jsonl.gz`) of the recordings of one corpus folder, or of the files in `large` with its name. */
export function recordings(exchange: string): string[] {
  if (corpusMissing !== false) return [];
  const inFolder = (folder: string, prefix: string) =>
    readdirSync(join(ROOT, folder))
      .filter((file) => file.startsWith(prefix) && file.endsWith('.jsonl.gz') && !file.includes('.expected.'))
      .map((file) => join(folder, file.slice(0, -'.jsonl.gz'.length)));
  return [...inFolder(exchange, ''), ...inFolder('large', `${exchange}-`)];
}

export function readMessages(recording: string): Recorded[] {
  return readLines(join(ROOT, `${recording}.jsonl.gz`));
}

export function readExpected(recording: string): Expected[] {
  const file = join(ROOT, `${recording}.expected.jsonl.gz`);
  return readLines(file);
}
