/**
 * The simulator as a process of its own during a capture. It ends with this one, however that ends: it notices that the
 * channel between them is closed. Used by demo.ts.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { LoggerError, messageOf } from '../base/errors.js';
import type { Endpoints } from '../simulator/simulator.js';

export class SimulatorProcess {
  /** rejects when the process ends, unless it was asked to */
  readonly died: Promise<never>;
  private asked = false;

  private constructor(
    private readonly child: ChildProcess,
    readonly endpoints: Endpoints,
  ) {
    this.died = once(child, 'exit').then(([code, signal]) => {
      if (this.asked) return new Promise<never>(() => {});
      throw new LoggerError(
        'ENDED_EARLY',
        `the simulator has ended too early: ${signal ?? `status ${code}`}`,
      );
    });
    // a caller may be waiting for it, or none
    this.died.catch(() => {});
  }

  /** Starts `logger simulate` with these arguments, in a process group of its own: Ctrl+C reaches this process alone. */
  static async start(args: readonly string[]): Promise<SimulatorProcess> {
    const cli = new URL('../cli.js', import.meta.url).pathname;
    const child = spawn(process.execPath, [cli, 'simulate', '--quiet', ...args], {
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    process.on('exit', () => child.kill('SIGKILL'));
    for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream }))
      return new SimulatorProcess(child, JSON.parse(line) as Endpoints);
    throw new LoggerError('ENDED_EARLY', 'the simulator did not start; see its message above');
  }

  /** Ends the markets and leaves the connections open. */
  async finish(): Promise<void> {
    await this.post('/finish');
  }

  /** Completes the ledger and ends the process. */
  async stop(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.asked = true;
    await this.post('/stop');
    await ended;
  }

  private async post(path: string): Promise<void> {
    const { status } = await fetch(`${this.endpoints.control}${path}`, { method: 'POST' }).catch((error) => {
      throw new LoggerError('ENDED_EARLY', `the simulator does not answer to ${path}: ${messageOf(error)}`);
    });
    if (status !== 200) throw new LoggerError('ENDED_EARLY', `the simulator answers ${status} to ${path}`);
  }
}
