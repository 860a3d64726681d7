/**
 * HOT: most messages are one row and look like the one before: the same texts with other values in between. A template
 * is learned from such a message and compiled to one function, which compares the texts, reads the values on the way
 * and writes the row, several times faster than by way of fields and slots.
 *
 *   {"stream":"btcusdt@trade","data":{"e":"trade","E":1672515782136,"s":"BTCUSDT","t":12345,"p":"16850.01", … }}
 *              ▔▔▔▔▔▔▔▔▔▔▔▔▔ ignored         ignored  ▔▔▔▔▔▔▔▔▔▔▔▔▔      symbol ▔▔▔▔▔▔▔     ▔▔▔▔▔ trade_id
 *
 * A template knows ordinary messages only. A field that the parser reads but does not store must match byte for byte,
 * unless the exchange lists it as ignored. Anything else, be it a number that is not plain, an unknown symbol or an id
 * out of line, is NO_MATCH before anything has been written, and the message is read in full. So a template can never
 * change what a message means. Shard threads.
 */
import { READ_AHEAD_BYTES } from '../../base/limits.js';
import type { Sequence } from '../continuity/sequence.js';
import { JsonBuffer, NO_MATCH } from '../json/bytes.js';
import type { JsonFields } from '../json/fields.js';
import type { JsonSlots } from '../json/slots.js';
import { compileRow, type WriteRow } from './compile_row.js';
import type { RowMapping } from './row_mapping.js';
import {
  type Candidate,
  compileTemplate,
  type Envelope,
  type IgnoredFields,
  type MessageNumber,
  type RowTarget,
  type SymbolPlace,
  type Template,
} from './template_codegen.js';

/** Templates that are remembered; once there are so many, only every so many misses one is exchanged. */
const TEMPLATES_MAX = 8;
const MISSES_PER_EXCHANGE = 65_536;

export class RowTemplates {
  private readonly envelope: Envelope;
  private readonly templates: Template[] = [];
  private readonly buffer = new JsonBuffer();
  private next = 0;
  private misses = 0;
  /** what has been written of the message that is being worked on */
  private rows = 0;
  private candidate: Candidate | undefined;
  private o = 0;

  constructor(
    private readonly target: RowTarget,
    root: JsonFields,
    ignored: IgnoredFields,
    number?: MessageNumber,
  ) {
    this.envelope = { root, ignored, number };
  }

  /** Cold: the function that writes rows of this mapping; with `symbol` messages of one row may become templates. */
  row(
    mapping: RowMapping,
    slots: JsonSlots,
    sequence: Sequence | undefined,
    symbol?: SymbolPlace,
    extra?: (o: number) => void,
  ): WriteRow {
    const { root } = this.envelope;
    const { rows } = this.target;
    if (sequence === undefined || symbol === undefined)
      return compileRow(mapping, slots, root, rows, sequence, extra);
    const candidate = { mapping, slots, sequence, symbol };
    return compileRow(mapping, slots, root, rows, sequence, extra, (o) => {
      this.rows++;
      this.candidate = candidate;
      this.o = o;
    });
  }

  /** Reads the message in bytes[start, end) and writes its row: RESULT.rows or duplicate, or NO_MATCH. */
  read(bytes: Uint8Array, start: number, end: number): number {
    const { templates, buffer } = this;
    buffer.setBytes(bytes);
    // not so only of the last message of a full chunk, and of what came in pieces
    const readable = bytes.length - end >= READ_AHEAD_BYTES;
    for (let t = 0; readable && t < templates.length; t++) {
      const result = templates[t](bytes, buffer.view, start, end);
      if (result === NO_MATCH) continue;
      if (t > 0) this.promote(t);
      return result;
    }
    // what the JSON parser found in the message before is not this one's
    this.rows = 0;
    this.candidate = undefined;
    return NO_MATCH;
  }

  private promote(t: number): void {
    const { templates } = this;
    const template = templates[t];
    templates[t] = templates[t - 1];
    templates[t - 1] = template;
  }

  /** The message, which was no template's, has been read in full and was good: learns from it. */
  learn(bytes: Uint8Array, start: number, end: number): void {
    const { candidate, rows } = this;
    // what else stood in the message may have been counted, or be a row another time
    if (candidate === undefined || rows !== 1 || candidate.slots.count !== 1) return;
    this.misses++;
    if (this.templates.length === TEMPLATES_MAX && this.misses % MISSES_PER_EXCHANGE !== 0) return;
    const { target, envelope, o } = this;
    const template = compileTemplate(target, candidate, o, envelope, bytes, start, end);
    if (template === undefined) return;
    this.templates[this.next] = template;
    this.next = (this.next + 1) % TEMPLATES_MAX;
  }
}
