/** The benchmark's server as a process, as those who measure see it. Runs in the process of a stage. */
import { fileURLToPath } from 'node:url';
import type { ServerEvent, ServerOrder } from '../server/main.js';
import type { Sent, ServerEndpoint, ServerOptions } from '../server/server.js';
import { Program } from './program.js';

const SERVER = fileURLToPath(new URL('../server/main.js', import.meta.url));

export class ServerProcess {
  private constructor(
    private readonly program: Program<ServerEvent>,
    readonly endpoint: ServerEndpoint,
  ) {}

  /** `placement`: what stands in front of the command. */
  static async start(
    { exchange, symbols, tls }: ServerOptions,
    placement: readonly string[],
    signal: AbortSignal,
  ): Promise<ServerProcess> {
    const init = JSON.stringify({ exchange, symbols, tls } satisfies ServerOptions);
    const command = [...placement, process.execPath, SERVER, init];
    const program = new Program<ServerEvent>('server', command, signal);
    const endpoint = await program.line((event) => (event.kind === 'listening' ? event.endpoint : undefined));
    return new ServerProcess(program, endpoint);
  }

  async subscribed(streams: number): Promise<void> {
    await this.program.line((event) =>
      event.kind === 'subscribed' && event.streams === streams ? true : undefined,
    );
  }

  async send(order: ServerOrder): Promise<Sent> {
    const from = this.program.lines.length;
    this.program.order(order);
    return this.program.line((event) => (event.kind === 'sent' ? event.sent : undefined), from);
  }

  end(): Promise<void> {
    return this.program.destroy();
  }
}
