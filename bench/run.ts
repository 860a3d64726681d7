/**
 * Runs stages one after the other, each in a process of its own, and puts their figures together into a report. Main
 * thread of `logger bench`.
 */
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VERSION } from '../src/base/version.js';
import { commitOfSources, machineOf } from './machine.js';
import { type MeasuredFigure, REPORT_FORMAT, type Report, type StageReport } from './report.js';
import type { Asked, Stage } from './stage.js';
import type { StageInit, StageMessage } from './stage_messages.js';
import { secondsOf } from './stages.js';

export interface BenchOptions extends Asked {
  readonly stages: readonly Stage[];
  readonly smoke: boolean;
  /** times the ordinary seconds of every stage */
  readonly effort: number;
  /** on the disk that is measured */
  readonly folder: string;
  readonly signal: AbortSignal;
  /** what is measured now */
  readonly doing: (stage: Stage, text: string) => void;
  readonly done: (stage: Stage) => void;
}

/** After a request to end: how long a stage may take to end what it has started. */
const END_MS_MAX = 5000;

/** Runs the stages; throws only when the bench itself cannot go on. A stage that fails is listed with its error. */
export async function runBench(options: BenchOptions): Promise<Report> {
  const { stages, smoke, effort, runs, signal } = options;
  const load = loadavg();
  const root = mkdtempSync(join(options.folder, 'logger-bench-'));
  const reports: StageReport[] = [];
  try {
    for (const stage of stages) {
      signal.throwIfAborted();
      options.doing(stage, stage.name);
      reports.push(await runStage(stage, root, options));
      options.done(stage);
    }
    const input = createHash('sha256');
    for (const report of reports) input.update(report.input);
    return {
      format: REPORT_FORMAT,
      date: new Date().toISOString(),
      version: VERSION,
      commit: commitOfSources(),
      node: process.version,
      machine: machineOf(root),
      load,
      smoke,
      effort,
      runs,
      input: input.digest('hex'),
      valid: reports.every(({ error, dropped }) => error === undefined && dropped === 0),
      stages: reports,
    };
  } finally {
    // not stage by stage: a file system that has just lost thousands of files makes new ones slowly
    rmSync(root, { recursive: true, force: true });
  }
}

async function runStage(stage: Stage, root: string, options: BenchOptions): Promise<StageReport> {
  const folder = join(root, stage.name);
  mkdirSync(folder);
  const started = performance.now();
  const figures: MeasuredFigure[] = [];
  const notes: string[] = [];
  let ended: Extract<StageMessage, { kind: 'ended' }> | undefined;
  const end = await listen(stage, folder, options, (message) => {
    if (message.kind === 'progress') options.doing(stage, `${stage.name}: ${message.text}`);
    else if (message.kind === 'note') notes.push(message.text);
    else if (message.kind === 'figure') figures.push(message.figure);
    else ended = message;
  });
  options.signal.throwIfAborted();
  const error = ended === undefined ? `its process has ended by ${end}` : ended.error;
  return {
    name: stage.name,
    seconds: (performance.now() - started) / 1000,
    input: ended?.input ?? '',
    dropped: ended?.dropped ?? 0,
    notes,
    error,
    figures: error === undefined ? figures : [],
  };
}

/** Runs the process of a stage to its end; answers how it ended. */
function listen(
  stage: Stage,
  folder: string,
  { smoke, effort, runs, loads, signal }: BenchOptions,
  onMessage: (message: StageMessage) => void,
): Promise<string> {
  const seconds = secondsOf([stage], effort, { runs, loads });
  const init: StageInit = { stage: stage.name, smoke, seconds, effort, runs, loads, folder };
  const child = fork(fileURLToPath(new URL('./stage_process.js', import.meta.url)), [JSON.stringify(init)], {
    // the growth of a heap is what is left behind a collection
    execArgv: ['--expose-gc'],
    // the standard output is for the report alone
    stdio: ['ignore', 2, 2, 'ipc'],
    serialization: 'advanced',
  });
  let killer: NodeJS.Timeout | undefined;
  const stop = () => {
    child.kill('SIGTERM');
    killer = setTimeout(() => child.kill('SIGKILL'), END_MS_MAX);
  };
  signal.addEventListener('abort', stop);
  return new Promise((resolve, reject) => {
    child.on('message', onMessage);
    child.on('error', reject);
    child.on('exit', (code, by) => {
      clearTimeout(killer);
      signal.removeEventListener('abort', stop);
      resolve(by ?? `status ${code}`);
    });
  });
}
