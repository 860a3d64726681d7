/** What the baselines in Node have in common: the `ws` client, the count, and the messages to who has started them. */
import { WebSocket } from 'ws';
import type { Task, TaskEvent } from './task.js';

/** Messages to an exchange that limits them to five a second. */
const REQUEST_GAP_MS = 400;
const SIZE_UNITS = 1e8;

export const task = JSON.parse(process.argv[2]) as Task;

// ends with its parent, however that ends; waiting for that does not keep the process alive
process.stdin
  .resume()
  .on('end', () => process.exit(1))
  .unref();

export function tell(event: TaskEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

/** Counts trades; `onEnd` is called once, with the last one that was asked for. */
export class Count {
  private messages = 0;
  private size = 0;
  private warm_ms = 0;

  constructor(private readonly onEnd: () => void) {}

  trade(size: number): void {
    this.messages++;
    this.size += Math.round(size * SIZE_UNITS);
    if (this.messages === task.warmup) {
      this.warm_ms = performance.now();
      tell({ kind: 'warm' });
    } else if (this.messages === task.warmup + task.messages) this.onEnd();
  }

  /** Tells what was counted. */
  result(ended_ms: number): void {
    const wall_us = (ended_ms - this.warm_ms) * 1000;
    tell({ kind: 'result', messages: this.messages, size: this.size, wall_us });
  }
}

/** The connections of a task. */
export interface Connections {
  /** Whatever comes from here on is not counted. */
  ignore(): void;
  end(): void;
}

/** Opens them; every data message goes to `onMessage`. */
export function connect(onMessage: (data: Buffer) => void): Connections {
  const sockets = task.subscribe.map((texts) => connectOne(texts, onMessage));
  return {
    ignore: () => {
      for (const socket of sockets) socket.removeAllListeners('message');
    },
    end: () => {
      for (const socket of sockets) socket.terminate();
    },
  };
}

function connectOne(subscribe: readonly string[], onMessage: (data: Buffer) => void): WebSocket {
  const socket = new WebSocket(task.url, { perMessageDeflate: false });
  socket.on('open', () => {
    for (const [i, text] of subscribe.entries()) setTimeout(() => socket.send(text), i * REQUEST_GAP_MS);
  });
  socket.on('message', onMessage);
  return socket;
}
