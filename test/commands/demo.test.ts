/**
 * The demo as a newcomer starts it: the real command with small sizes. Every exchange and every table has rows, the
 * ledger finds no difference but those that are there, and however it ends, no process is left.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { emptyFolder, removeAside } from '../../src/commands/demo_folder.js';
import { loadExchanges } from '../../src/exchanges/index.js';
import { LOCK_FILE } from '../../src/supervisor/lock.js';
import { SABOTEUR, sabotage } from '../support/faults.js';
import { afterProcesses, temporaryFolder, until } from '../support/processes.js';

const CLI = resolve('dist/src/cli.js');
const INTERVALS = ['1m', '5m'];

interface Demo {
  readonly child: ChildProcess;
  readonly data: string;
  stdout(): string;
  stderr(): string;
  /** status, or the signal that has ended it */
  readonly ended: Promise<number | string>;
}

/** Processes whose command line names the folder. */
function processesOf(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder);
      } catch {
        return false;
      }
    })
    .map(Number);
}

const demos: Demo[] = [];
afterProcesses(() => {
  for (const { child } of demos) child.kill('SIGKILL');
});

function startDemo(data: string, ...flags: readonly string[]): Demo {
  const args = ['demo', '--data', data, '--port', '0', '--symbols', '2', '--rate', '200', ...flags];
  const child = spawn(process.execPath, ['--import', SABOTEUR, CLI, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const text = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk) => (text.stdout += chunk));
  child.stderr?.on('data', (chunk) => (text.stderr += chunk));
  const demo = {
    child,
    data,
    stdout: () => text.stdout,
    stderr: () => text.stderr,
    ended: once(child, 'close').then(([code, signal]) => code ?? signal),
  };
  demos.push(demo);
  return demo;
}

/** Waits for something of a demo that runs. */
function during(demo: Demo, what: string, probe: () => unknown): Promise<unknown> {
  return until(
    what,
    () => {
      assert.equal(demo.child.exitCode ?? demo.child.signalCode, null, demo.stdout() + demo.stderr());
      return probe();
    },
    120,
  );
}

/** The process of the simulator, once it has been started. */
async function simulatorOf(demo: Demo): Promise<number> {
  const others = () => processesOf(demo.data).filter((pid) => pid !== demo.child.pid);
  await during(demo, 'rows arrive', () => demo.stdout().includes('capturing into'));
  const [pid, ...more] = others();
  assert.deepEqual(more, []);
  return pid;
}

/** The files of a table, over all symbols. */
function filesOf(data: string, exchange: string, table: string): string[] {
  return readdirSync(join(data, exchange)).flatMap((symbol) => {
    const folder = join(data, exchange, symbol, table);
    try {
      return readdirSync(folder).map((name) => join(folder, name));
    } catch {
      return [];
    }
  });
}

function hasRows(data: string, exchange: string, table: string): boolean {
  return filesOf(data, exchange, table).some((file) => statSync(file).size > 0);
}

/** Every exchange with each of the tables that its channels fill. */
async function tables(): Promise<[exchange: string, table: string][]> {
  return (await loadExchanges()).flatMap(({ id, channels }) => {
    const shown = Object.values(channels).filter(
      ({ interval }) => interval === undefined || INTERVALS.includes(interval),
    );
    return [...new Set(shown.map(({ table }) => table.name))].map((table): [string, string] => [id, table]);
  });
}

function assertOneLine(text: string, line: RegExp): void {
  assert.equal(text.split('\n').length, 2, text);
  assert.match(text, line);
}

/** What is in a data folder besides the lock of its owner. */
function namesIn(data: string): string[] {
  return readdirSync(data).filter((name) => name !== LOCK_FILE);
}

describe('logger demo', () => {
  // whatever a test has found: no process is left
  afterEach(async () => {
    for (const { child, data, ended } of demos.splice(0)) {
      await ended;
      await until(`no process is left of ${child.pid}`, () => processesOf(data).length === 0);
    }
  });

  it('shows every exchange with all its tables, and ends with a comparison without differences', async () => {
    const demo = startDemo(join(temporaryFolder('demo'), 'data'));
    await during(demo, 'every exchange is on disk', () => demo.stdout().includes('capturing into'));
    for (const [exchange, table] of await tables())
      await during(demo, `${exchange} ${table} has rows`, () => hasRows(demo.data, exchange, table));
    for (const { id } of await loadExchanges())
      await during(demo, `${id} is shown`, () => demo.stdout().includes(`\n${id} `));
    await during(demo, 'it is healthy', () => demo.stdout().includes('\nhealthy, up '));
    demo.child.kill('SIGINT');
    assert.equal(await demo.ended, 0, demo.stdout() + demo.stderr());
    assert.match(demo.stdout(), /every delivered event is on disk exactly once/);
    assert.equal(demo.stderr(), '');
    assert.ok(!readdirSync(demo.data).includes('.simulation'));
  });

  it('stops by itself', async () => {
    const demo = startDemo(join(temporaryFolder('demo'), 'data'), '--seconds', '1');
    assert.equal(await demo.ended, 0, demo.stdout() + demo.stderr());
    assert.match(demo.stdout(), /stopping: 1 s are over/);
    for (const { id } of await loadExchanges())
      assert.match(demo.stdout(), new RegExp(`^${id} trades +\\d`, 'm'));
  });

  it('says differences of a row that was changed on disk', async () => {
    const demo = startDemo(join(temporaryFolder('demo'), 'data'));
    const rows = () =>
      filesOf(demo.data, 'kraken', 'TRADES').find(
        (file) => file.includes('/price_digits.') && statSync(file).size > 0,
      );
    await during(
      demo,
      'the first trade is on disk',
      () => demo.stdout().includes('capturing into') && rows(),
    );
    const fd = openSync(rows() as string, 'r+');
    writeSync(fd, Buffer.from([1, 2, 3]), 0, 3, 0);
    closeSync(fd);
    demo.child.kill('SIGINT');
    assert.equal(await demo.ended, 1, demo.stdout() + demo.stderr());
    assert.match(demo.stdout(), /^worst 1 of 1 with differences:$/m);
    assert.match(demo.stdout(), /row 0 of event .*: trade_price is /);
    assertOneLine(demo.stderr(), /^logger: the files differ from what was sent$/m);
  });

  it('ends at once at a second Ctrl+C', async () => {
    const demo = startDemo(join(temporaryFolder('demo'), 'data'));
    await simulatorOf(demo);
    demo.child.kill('SIGINT');
    await until('it stops', () => demo.stdout().includes('stopping: SIGINT'));
    demo.child.kill('SIGINT');
    assert.equal(await demo.ended, 1);
    assert.doesNotMatch(demo.stdout(), /against rows on disk/);
  });

  it('ends when the writer does', async () => {
    const demo = startDemo(join(temporaryFolder('demo'), 'data'));
    await simulatorOf(demo);
    sabotage(demo, 'writer', `Atomics.wait = () => { throw new Error('sabotage'); }`);
    assert.equal(await demo.ended, 70);
    assert.match(demo.stdout(), /^.*FATAL.*: the writer has died .*\n(?!.*FATAL)/m);
  });

  it('ends when the simulator does', async () => {
    const demo = startDemo(join(temporaryFolder('demo'), 'data'));
    process.kill(await simulatorOf(demo), 'SIGKILL');
    assert.equal(await demo.ended, 1);
    assertOneLine(demo.stderr(), /^logger: the simulator has ended too early: SIGKILL$/m);
  });

  it('takes the simulator with it when it is killed', async () => {
    const demo = startDemo(join(temporaryFolder('demo'), 'data'));
    await simulatorOf(demo);
    demo.child.kill('SIGKILL');
    assert.equal(await demo.ended, 'SIGKILL');
  });

  it('ends when its port is in use', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const demo = startDemo(join(temporaryFolder('demo'), 'data'), '--port', String(port));
    assert.equal(await demo.ended, 1);
    server.close();
    assertOneLine(demo.stderr(), new RegExp(`^logger: cannot listen on 127.0.0.1:${port}`));
  });

  it('ends when an option is out of range', async () => {
    const demo = startDemo(join(temporaryFolder('demo'), 'data'), '--port', '70000');
    assert.equal(await demo.ended, 2);
    assertOneLine(demo.stderr(), /http.port must be an integer/);
  });

  it('leaves the data of others alone', async () => {
    const data = join(temporaryFolder('demo'), 'data');
    mkdirSync(join(data, 'kraken'), { recursive: true });
    const demo = startDemo(data);
    assert.equal(await demo.ended, 2);
    assertOneLine(demo.stderr(), /^logger: .*holds data that is not a demo's/);
    assert.deepEqual(namesIn(data), ['kraken']);
  });
});

describe('the folder of a demo', () => {
  it('is emptied at once, what it held is removed later, also by the demo after an interrupted one', async () => {
    const data = join(temporaryFolder('demo'), 'data');
    assert.equal(await emptyFolder(data), false);
    for (const symbol of ['BTC-USD', 'ETH-USD']) {
      mkdirSync(join(data, 'coinbase', symbol), { recursive: true });
      writeFileSync(join(data, 'coinbase', symbol, 'price.bin'), 'x');
    }
    writeFileSync(join(data, 'file'), 'x');
    assert.equal(await emptyFolder(data), true);
    assert.deepEqual(namesIn(data), ['.demo', '.removed']);
    mkdirSync(join(data, 'kraken'));
    assert.equal(await emptyFolder(data), true);
    assert.deepEqual(namesIn(data), ['.demo', '.removed']);
    await removeAside(data);
    assert.deepEqual(namesIn(data), ['.demo']);
    assert.equal(await emptyFolder(data), false);
  });
});
