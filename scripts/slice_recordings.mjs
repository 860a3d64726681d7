// Cuts the slice of the recorded corpus that is kept in test/recordings, so that a clean clone tests against real
// messages: `node scripts/slice_recordings.mjs ../shared/corpus`. Small recordings are taken whole; of others the first
// messages of each channel, so that books and ids have no holes; where a connection numbers its messages, the first
// ones of it. Expectations go along with the messages they are of. With --check nothing is written, and a file that would
// change is a failure.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync, gzipSync } from 'node:zlib';

const SLICE = 'test/recordings';
const SCRIPT = 'node scripts/slice_recordings.mjs';
const PER_CHANNEL = 50;
/** of a connection with numbered messages */
const NUMBERED = 4 * PER_CHANNEL;
/** a recording with its expectations that is taken whole, as compressed */
const WHOLE_BYTES_MAX = 100_000;
/** answers over REST */
const LEFT_OUT = ['rest'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { check: { type: 'boolean' } },
});
const corpus = positionals[0] && resolve(positionals[0]);
process.chdir(new URL('..', import.meta.url).pathname);
if (corpus === undefined || !existsSync(join(corpus, 'INDEX.md'))) {
  console.error(`name the folder of the recorded corpus: ${SCRIPT} ../shared/corpus`);
  process.exit(2);
}

/** What a message is of, by the names that the exchanges have for it. */
function channelOf(raw) {
  const message = JSON.parse(raw);
  if (Array.isArray(message)) return String(message.at(-2));
  const { stream, arg, topic, channel, type, ty, e, event, method } = message;
  if (stream !== undefined) return stream.replace(/^[^@]*@/, '');
  return (
    arg?.channel ?? topic?.replace(/\.[^.]*$/, '') ?? channel ?? type ?? ty ?? e ?? event ?? method ?? 'other'
  );
}

/** Indices of the messages to keep. */
function chosenOf(messages) {
  if (messages.some(({ raw }) => raw.includes('"sequence_num"')))
    return messages.slice(0, NUMBERED).map((_, i) => i);
  const counts = new Map();
  return messages.flatMap(({ raw }, i) => {
    const channel = channelOf(raw);
    counts.set(channel, (counts.get(channel) ?? 0) + 1);
    return counts.get(channel) <= PER_CHANNEL ? [i] : [];
  });
}

const linesOf = (file) =>
  gunzipSync(file)
    .toString('utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
const packed = (lines) => gzipSync(lines.map((line) => `${JSON.stringify(line)}\n`).join(''), { level: 9 });

/** A recording and its expectations, cut. */
function sliceOf(name) {
  const [messages, expected] = ['', '.expected'].map((kind) =>
    readFileSync(join(corpus, `${name}${kind}.jsonl.gz`)),
  );
  if (messages.length + expected.length <= WHOLE_BYTES_MAX) return [messages, expected];
  const all = linesOf(messages);
  const chosen = chosenOf(all);
  const lines = new Map(chosen.map((i, at) => [i + 1, at + 1]));
  return [
    packed(chosen.map((i) => all[i])),
    packed(
      linesOf(expected)
        .filter(({ line }) => lines.has(line))
        .map((event) => ({ ...event, line: lines.get(event.line) })),
    ),
  ];
}

const names = readdirSync(corpus, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !LEFT_OUT.includes(entry.name))
  .flatMap(({ name }) =>
    readdirSync(join(corpus, name))
      .filter((file) => file.endsWith('.jsonl.gz') && !file.includes('.expected.'))
      .map((file) => join(name, file.slice(0, -'.jsonl.gz'.length))),
  );
let bytes = 0;
for (const name of names) {
  for (const [i, data] of sliceOf(name).entries()) {
    const path = join(SLICE, `${name}${i === 0 ? '' : '.expected'}.jsonl.gz`);
    bytes += data.length;
    // versions of zlib differ in how they compress
    if (existsSync(path) && gunzipSync(readFileSync(path)).equals(gunzipSync(data))) continue;
    if (values.check) {
      console.error(`${path} differs; run: ${SCRIPT} ${positionals[0]}`);
      process.exitCode = 1;
      continue;
    }
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, data);
    console.log(`${path} written`);
  }
}
console.log(`${names.length} recordings, ${bytes} bytes`);
