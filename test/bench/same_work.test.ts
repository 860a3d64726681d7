/**
 * The Rust program that is said to do the same work does it: fed by the same simulator at the same time, its column files
 * hold what those of the logger hold, byte by byte, but for the times of receipt; and its journal has every row.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { symbolsOf } from '../../bench/baselines/amounts.js';
import type { Task, TaskEvent } from '../../bench/baselines/task.js';
import { rustCommand } from '../../bench/baselines/toolchains.js';
import { loadExchange } from '../../src/exchanges/index.js';
import { isWrittenFor } from '../../src/schema/columns.js';
import { TRADES } from '../../src/schema/tables.js';
import { parseColumnFile } from '../../src/store/disk/paths.js';
import { BLOCK_HEADER_BYTES, BLOCK_KIND, crcMatches, readHeader } from '../../src/store/journal/format.js';
import {
  afterProcesses,
  type SimulatorProcess,
  startLoggerProcess,
  startSimulatorProcess,
  temporaryFolder,
} from '../support/processes.js';

const SYMBOLS = 4;
const CONNECTIONS = 2;
const TRADES_TAKEN = 3000;
/** Of these the two programs cannot agree. */
const RECEIPT = ['recv_time', 'recv_nanos'];

const root = temporaryFolder('same-work');
const children: ChildProcess[] = [];
afterProcesses(() => {
  for (const child of children) child.kill('SIGKILL');
});

/** The program, or nothing where it cannot be built; a program that does not compile is an error. */
async function commandOr(t: TestContext): Promise<readonly string[] | undefined> {
  const command = await rustCommand('same_work');
  if (!('missing' in command)) return command;
  assert.doesNotMatch(command.missing, /could not compile/);
  t.skip(command.missing);
  return undefined;
}

async function taskOf(id: string, simulator: SimulatorProcess): Promise<Task> {
  const exchange = await loadExchange(id);
  const symbols = symbolsOf(id, SYMBOLS);
  const { ws, rest } = simulator.exchanges[id];
  const wanted = symbols.map((native) => ({ channel: 'trades', native }));
  const perConnection = SYMBOLS / CONNECTIONS;
  const connections = Array.from({ length: CONNECTIONS }, (_, i) =>
    wanted.slice(i * perConnection, (i + 1) * perConnection),
  );
  const folder = join(root, `${id}-rust`);
  mkdirSync(folder);
  return {
    ...{ exchange: id, ws, rest, symbols, folder, channel: 'trades', timed: false },
    url: exchange.websocketUrl(ws, exchange.channels['trades'].route),
    subscribe: connections.map((streams) => exchange.subscribe(streams, 1).map(({ text }) => text)),
    ...{ symbolsPerConnection: perConnection, flushSecs: 1, warmup: 100, messages: TRADES_TAKEN - 100 },
  };
}

/** Runs the program to its end; what it has told. */
async function run([file, ...args]: readonly string[], task: Task): Promise<TaskEvent[]> {
  const child = spawn(file, [...args, JSON.stringify(task)], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const events: TaskEvent[] = [];
  createInterface(child.stdout).on('line', (line) => events.push(JSON.parse(line)));
  const [code] = await once(child, 'close');
  assert.equal(code, 0);
  return events;
}

function bigints(file: string): BigUint64Array {
  const bytes = readFileSync(file);
  return new BigUint64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

/** Compares the files of a symbol; answers the rows. */
function compareFiles(id: string, mine: string, logger: string): number {
  const names = readdirSync(mine).sort();
  const columns = TRADES.columns.filter((column) => isWrittenFor(id, column));
  assert.deepEqual(
    names.map((name) => parseColumnFile(name)?.column).sort(),
    columns.map((c) => c.name).sort(),
  );
  const idFile = names.find((name) => name.startsWith('trade_id.')) ?? '';
  const ids = bigints(join(mine, idFile));
  const first = bigints(join(logger, idFile)).indexOf(ids[0]);
  assert.ok(first >= 0, 'the logger has the first of its trades');
  for (const { name, bytes } of columns) {
    const file = idFile.replace('trade_id', name);
    const all = readFileSync(join(logger, file));
    const own = readFileSync(join(mine, file));
    assert.equal(own.length, ids.length * bytes, file);
    const same = all.subarray(first * bytes, (first + ids.length) * bytes);
    if (!RECEIPT.includes(name)) assert.ok(own.equals(same), join(mine, file));
  }
  return ids.length;
}

/** Rows in the journal, all of whose blocks must be whole and in order. */
function journalRows(folder: string): number {
  let rows = 0;
  let sequence = 0;
  for (const name of readdirSync(folder).sort()) {
    const bytes = readFileSync(join(folder, name));
    for (let at = 0; at < bytes.length; ) {
      const header = readHeader(bytes, at);
      assert.ok(header !== undefined && crcMatches(bytes, at, header.length), `${name} at ${at}`);
      at += BLOCK_HEADER_BYTES + header.length;
      if (header.kind !== BLOCK_KIND.records) continue;
      assert.equal(header.sequence, ++sequence);
      rows += header.length / (TRADES.words * 4);
    }
  }
  return rows;
}

for (const id of ['binance', 'coinbase']) {
  test(`${id}: the Rust program stores the same bytes as the logger`, async (t) => {
    const command = await commandOr(t);
    if (command === undefined) return;
    const flags = ['--symbols', `${SYMBOLS}`, '--rate', '2000', '--mix', '1'];
    const simulator = await startSimulatorProcess(join(root, `${id}-ledger`), flags, id);
    const lines = ['channels = ["trades"]'];
    const folder = join(root, `${id}-logger`);
    const logger = startLoggerProcess({ folder, exchangeLines: { [id]: lines } }, simulator);
    await logger.ready();
    const task = await taskOf(id, simulator);
    const events = await run(command, task);
    await simulator.finish();
    await logger.quiet();
    assert.equal(await logger.stop(), 0);
    await simulator.stop();
    const result = events.find((event) => event.kind === 'result');
    assert.equal(result?.messages, TRADES_TAKEN);
    const rows = task.symbols.map((symbol) => {
      const [mine, theirs] = [task.folder, join(folder, 'data')].map((data) =>
        join(data, id, symbol, 'TRADES'),
      );
      return compareFiles(id, mine, theirs);
    });
    assert.equal(
      rows.reduce((a, b) => a + b, 0),
      TRADES_TAKEN,
    );
    assert.equal(journalRows(join(task.folder, 'journal')), TRADES_TAKEN);
  });
}
