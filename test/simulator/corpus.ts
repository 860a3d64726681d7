/** Recorded messages, where the machine has them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

const CORPUS = join(process.cwd(), '..', 'shared', 'corpus');

/** The raw messages of one recording. */
export function recording(name: string): string[] {
  const text = gunzipSync(readFileSync(recordingPath(name))).toString('utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { raw: string }).raw);
}

export function recordingPath(name: string): string {
  return join(CORPUS, `${name}.jsonl.gz`);
}
