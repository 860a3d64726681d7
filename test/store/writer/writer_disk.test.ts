/** Writer and recovery on a real file system: what rings held is in the files after a stop and after a kill. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { EXIT } from '../../../src/base/errors.js';
import { runRecover } from '../../../src/commands/recover.js';
import { DiskIo } from '../../../src/store/disk/io.js';
import { recover } from '../../../src/store/recovery/recovery.js';
import { Random } from '../../support/random.js';
import { Oracle } from '../../support/store_oracle.js';
import { FIRST_DAY, STREAMS, World } from '../../support/store_world.js';

const read = (path: string) => (existsSync(path) ? readFileSync(path) : undefined);

function folder(t: { after(run: () => void): void }): string {
  const path = mkdtempSync(join(tmpdir(), 'logger-writer-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('twenty lives, every other one killed, lose nothing and store nothing twice', (t) => {
  const dataPath = join(folder(t), 'data');
  const random = new Random(5);
  const io = new DiskIo();
  const clock = { ms: 1000 };
  const numbers = STREAMS.map(() => 0);
  const oracle = new Oracle(read, dataPath, true);
  let texts = 0;
  for (let life = 0; life < 20; life++) {
    recover(io, dataPath);
    const world = new World(io, clock, numbers, {
      dataPath,
      exact: true,
      segmentBytes: 50_000,
      checkpointMs: 2000,
      ringWords: 16_384,
    });
    for (let turn = 0; turn < 40; turn++) {
      for (let n = random.below(60); n > 0; n--) {
        const stream = random.below(STREAMS.length);
        const day = FIRST_DAY + Math.floor(life / 7) - (random.chance(0.1) ? 1 : 0);
        if (world.row(stream, day) && random.chance(0.02)) world.text('literal', stream, day, ++texts);
        if (random.chance(0.01)) world.text('rejected', stream, day, ++texts);
      }
      world.publish();
      clock.ms += random.below(300);
      world.writer.doWork();
    }
    if (life % 2 === 0) {
      while (world.writer.doWork() > 0);
      world.writer.finish();
    }
    // a killed process leaves what it had handed to the operating system
    const promised = [0, 1].map((ring) => world.released(ring));
    recover(io, dataPath);
    assert.deepEqual(oracle.settle(world.items, promised), [], `life ${life}`);
  }
  assert.ok(oracle.rows > 10_000);
});

test('logger recover explains, refuses and sets aside', (t) => {
  const dataPath = folder(t);
  const io = new DiskIo();
  const world = new World(
    io,
    { ms: 1000 },
    STREAMS.map(() => 0),
    { dataPath },
  );
  for (const { stream } of STREAMS) world.row(stream, FIRST_DAY);
  world.publish();
  world.writer.doWork();
  let text = '';
  const output = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  assert.equal(runRecover({ data: dataPath, dryRun: true }, output), EXIT.ok);
  assert.match(text, /redo: redo .*: 4 blocks/);
  assert.match(text, /x\/A\/TRADES 2024-10-04: rows 0 to 0/);
  assert.equal(read(join(dataPath, 'x/A/TRADES/trade_price.04.10.24.bin')), undefined);
  rmSync(join(dataPath, 'journal', 'checkpoint'));
  assert.equal(runRecover({ data: dataPath, dryRun: true }, output), EXIT.refused);
  assert.throws(() => runRecover({ data: dataPath }, output), /checkpoint-missing/);
  assert.equal(runRecover({ data: dataPath, acceptLoss: true }, output), EXIT.ok);
  assert.match(text, /damaged files are in .*quarantine/);
  assert.equal(runRecover({ data: dataPath, dryRun: true }, output), EXIT.ok);
  assert.match(text, /there is nothing to do\n$/);
});
