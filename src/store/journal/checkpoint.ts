/**
 * The checkpoint: up to which block of the journal everything is in the column files and durable there, and what the
 * files held at that block. One line, `{CRC-32 in hex} {JSON}`; the last and smallest write of a checkpoint.
 */
import { crc32 } from 'node:zlib';
import { readWhole, replaceFile, type StoreIo } from '../disk/io.js';
import { CHECKPOINT_FILE } from './format.js';
import { decodeStates, type EncodedStates, encodeStates, type States } from './states.js';

export interface Checkpoint {
  /** everything up to this block is durable in the column files */
  readonly sequence: number;
  /** the segment that the next block went to; 0 when it was not begun yet */
  readonly segment: number;
  /** highest number that a segment had */
  readonly segmentsUsed: number;
  /** what was open, as of `sequence`; files may hold more, which is cut off before the redo */
  readonly states: States;
}

interface Encoded extends EncodedStates {
  readonly format: 1;
  readonly sequence: number;
  readonly segment: number;
  readonly segments_used: number;
}

const crcOf = (text: string): string => crc32(text).toString(16).padStart(8, '0');

/** Makes a checkpoint durable in the place of the one before. */
export function writeCheckpoint(io: StoreIo, folder: string, checkpoint: Checkpoint): void {
  replaceFile(io, folder, CHECKPOINT_FILE, checkpointBytes(checkpoint));
}

/** What the file of a checkpoint holds. */
export function checkpointBytes(checkpoint: Checkpoint): Buffer {
  const encoded: Encoded = {
    format: 1,
    sequence: checkpoint.sequence,
    segment: checkpoint.segment,
    segments_used: checkpoint.segmentsUsed,
    ...encodeStates(checkpoint.states),
  };
  const json = JSON.stringify(encoded);
  return Buffer.from(`${crcOf(json)} ${json}\n`);
}

/** The checkpoint of a journal folder: undefined when there is none, 'damaged' when it cannot be read. */
export function readCheckpoint(io: StoreIo, folder: string): Checkpoint | 'damaged' | undefined {
  const bytes = readWhole(io, `${folder}/${CHECKPOINT_FILE}`);
  return bytes === undefined ? undefined : parseCheckpoint(bytes);
}

/** The checkpoint that a file holds. */
export function parseCheckpoint(bytes: Buffer): Checkpoint | 'damaged' {
  const match = /^([0-9a-f]{8}) (.*)\n$/.exec(bytes.toString('utf8'));
  if (match === null || crcOf(match[2]) !== match[1]) return 'damaged';
  const encoded = JSON.parse(match[2]) as Encoded;
  if (encoded.format !== 1) return 'damaged';
  return {
    sequence: encoded.sequence,
    segment: encoded.segment,
    segmentsUsed: encoded.segments_used,
    states: decodeStates(encoded),
  };
}
