/**
 * Plays a recording to every client that has subscribed to anything: frames in their order, text or binary.
 * Runs in the simulator process; used by venue.ts.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { LoggerError, messageOf } from '../../base/errors.js';

export interface RecordedFrame {
  readonly bytes: Uint8Array;
  readonly binary: boolean;
  readonly raw: string;
}

/** Frames of a file with one `{"raw":"…","opcode":"text"|"binary"}` a line, gzip or plain. */
export function readRecording(path: string): RecordedFrame[] {
  try {
    const file = readFileSync(path);
    const plain = file[0] === 0x1f && file[1] === 0x8b ? gunzipSync(file) : file;
    const lines = plain.toString('utf8').split('\n');
    return lines
      .filter((line) => line.trim() !== '')
      .map((line) => {
        const { raw, opcode } = JSON.parse(line) as { raw: string; opcode?: string };
        return { raw, bytes: new Uint8Array(Buffer.from(raw, 'utf8')), binary: opcode === 'binary' };
      });
  } catch (error) {
    throw new LoggerError('DATA_UNREADABLE', `cannot read the recording ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** A client of a recording. */
export interface Audience {
  readonly behind: boolean;
  cork(sends: () => void): void;
  sendFrame(bytes: Uint8Array, binary: boolean): void;
}

const FRAMES_PER_WRITE = 64;

export class Player {
  readonly #frames: readonly RecordedFrame[];
  #next = 0;

  constructor(frames: readonly RecordedFrame[]) {
    this.#frames = frames;
  }

  get finished(): boolean {
    return this.#next >= this.#frames.length;
  }

  /** Sends up to `count` frames to everybody; returns how many frames were played. */
  burst(count: number, audience: readonly Audience[]): number {
    if (audience.length === 0 || audience.some((client) => client.behind)) return 0;
    const from = this.#next;
    const to = Math.min(this.#frames.length, from + Math.min(count, FRAMES_PER_WRITE));
    for (const client of audience) {
      client.cork(() => {
        for (let i = from; i < to; i++) client.sendFrame(this.#frames[i].bytes, this.#frames[i].binary);
      });
    }
    this.#next = to;
    return to - from;
  }
}
