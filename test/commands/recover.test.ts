/** `logger recover` as a process: each kind of trouble has its status and a sentence, never a stack. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXIT } from '../../src/base/errors.js';
import { DiskIo } from '../../src/store/disk/io.js';
import { FIRST_DAY, STREAMS, World } from '../support/store_world.js';

/** What a process leaves that was killed. */
function killed(dataPath: string): void {
  const options = { dataPath };
  const world = new World(new DiskIo(), { ms: 1000 }, [0, 0, 0], options);
  for (const { stream } of STREAMS) world.row(stream, FIRST_DAY);
  world.publish();
  world.writer.doWork();
}

const away = (path: string) => renameSync(path, `${path}.away`);

const TROUBLE: readonly (readonly [string, (dataPath: string) => void, status: number, text: RegExp])[] = [
  [
    'the journal is a file',
    (data) => {
      away(join(data, 'journal'));
      writeFileSync(join(data, 'journal'), '');
    },
    EXIT.ioError,
    /^logger: cannot use .*journal is none of ours/,
  ],
  [
    'the journal is a link',
    (data) => {
      away(join(data, 'journal'));
      symlinkSync('journal.away', join(data, 'journal'));
    },
    EXIT.ioError,
    /^logger: cannot use .*journal is none of ours/,
  ],
  [
    'the checkpoint is a folder',
    (data) => {
      away(join(data, 'journal', 'checkpoint'));
      mkdirSync(join(data, 'journal', 'checkpoint'));
    },
    EXIT.ioError,
    /^logger: cannot use .*checkpoint is none of ours/,
  ],
  [
    'a segment is a link',
    (data) => {
      const [segment] = readdirSync(join(data, 'journal')).filter((name) => /^\d/.test(name));
      away(join(data, 'journal', segment));
      symlinkSync(`${segment}.away`, join(data, 'journal', segment));
    },
    EXIT.ioError,
    /^logger: cannot use .*ELOOP/,
  ],
  [
    'a table folder is a file',
    (data) => {
      mkdirSync(join(data, 'x', 'A'), { recursive: true });
      writeFileSync(join(data, 'x', 'A', 'TRADES'), '');
    },
    EXIT.ok,
    /set aside: file-foreign .*damaged files are in /s,
  ],
  [
    'a cursor is garbage',
    (data) => {
      mkdirSync(join(data, 'journal', 'cursors'));
      writeFileSync(join(data, 'journal', 'cursors', 'kafka.json'), '???');
    },
    EXIT.ok,
    /cursor-damaged .*cursors\/kafka\.json/,
  ],
  [
    'the checkpoint is gone',
    (data) => away(join(data, 'journal', 'checkpoint')),
    EXIT.refused,
    /checkpoint-missing/,
  ],
  ['nothing is wrong', () => undefined, EXIT.ok, /everything that the journal holds can be recovered/],
];

for (const [name, make, status, text] of TROUBLE) {
  test(`${name}: status ${status}`, (t) => {
    const root = mkdtempSync(join(tmpdir(), 'logger-recover-'));
    t.after(() => rmSync(root, { recursive: true, force: true }));
    const data = join(root, 'data');
    killed(data);
    make(data);
    const done = spawnSync(process.execPath, ['dist/src/cli.js', 'recover', '--data', data], {
      encoding: 'utf8',
    });
    const told = done.status === EXIT.ok ? done.stdout : done.stderr;
    assert.equal(done.status, status, done.stderr);
    assert.match(told, text);
    assert.doesNotMatch(done.stderr, /\n\s+at /);
  });
}
