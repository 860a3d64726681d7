/** Entry point of the process that runs one stage; bench/run.ts starts it and listens. */
import { createHash } from 'node:crypto';
import { measured } from './report.js';
import type { StageContext } from './stage.js';
import type { StageInit, StageMessage } from './stage_messages.js';
import { STAGES } from './stages.js';

const init = JSON.parse(process.argv[2]) as StageInit;
const { smoke, seconds, effort, runs, loads, folder } = init;
const input = createHash('sha256');
const abort = new AbortController();
let dropped = 0;

/** Waits until the message was handed over, so that the process may end behind it. */
function tell(message: StageMessage): Promise<void> {
  return new Promise((told) => process.send?.(message, () => told()));
}

const end = () => abort.abort(new Error('the bench was ended early'));
process.on('SIGINT', end).on('SIGTERM', end).on('disconnect', end);

const context: StageContext = {
  smoke,
  seconds,
  effort,
  runs,
  loads,
  folder,
  signal: abort.signal,
  progress: (text) => void tell({ kind: 'progress', text }),
  input: (bytes) => void input.update(bytes),
  dropped: (count) => {
    dropped += count;
  },
  note: (text) => void tell({ kind: 'note', text }),
};

let error: string | undefined;
try {
  const stage = STAGES.find(({ name }) => name === init.stage);
  const module = await stage?.load();
  for await (const figure of module?.figures(context) ?? []) {
    // a target says nothing about tiny inputs
    await tell({ kind: 'figure', figure: measured(smoke ? { ...figure, target: undefined } : figure) });
  }
} catch (thrown) {
  error = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
}
await tell({ kind: 'ended', input: input.digest('hex'), dropped, error });
process.disconnect?.();
