/**
 * A schema registry with the interface of Confluent's, and its framing: a zero byte, the number of the schema, for Protocol
 * Buffers the place of the message in its file, then the row.
 */
import { LoggerError, messageOf } from '../../base/errors.js';
import type { Encoding } from './encoder.js';
import { NAMESPACE, type RowSchema, typeName } from './row_schema.js';

const CONTENT_TYPE = 'application/vnd.schemaregistry.v1+json';
const ID_BYTES = 4;
/** `[0]`: the first message of the file. */
const FIRST_MESSAGE = Buffer.from([0]);
const REASON_CHARS_MAX = 300;

export interface RegistryOptions {
  readonly url: string;
  /** "" for none */
  readonly user: string;
  readonly password: string;
  /** seconds to answer in */
  readonly seconds: number;
}

/** The full name of the type of rows. */
export function recordName(schema: RowSchema): string {
  return `${NAMESPACE}.${typeName(schema)}`;
}

export class SchemaRegistry {
  private readonly frames = new Map<string, Buffer>();

  constructor(
    private readonly options: RegistryOptions,
    private readonly encoding: Encoding,
  ) {}

  /** What comes in front of each row; the schema is registered under the subject the first time. */
  async frame(subject: string, schema: RowSchema): Promise<Buffer> {
    const key = `${subject} ${schema.name}`;
    const known = this.frames.get(key);
    if (known !== undefined) return known;
    const { schemaType, schemaText } = this.encoding;
    const id = await this.register(subject, { schemaType, schema: schemaText(schema) });
    const head = Buffer.alloc(1 + ID_BYTES);
    head.writeUInt32BE(id, 1);
    const frame = schemaType === 'PROTOBUF' ? Buffer.concat([head, FIRST_MESSAGE]) : head;
    this.frames.set(key, frame);
    return frame;
  }

  /** The registry answers the number that it has already for a schema that it knows. */
  private async register(subject: string, body: object): Promise<number> {
    const { url, user, password, seconds } = this.options;
    const login = Buffer.from(`${user}:${password}`).toString('base64');
    const path = `subjects/${encodeURIComponent(subject)}/versions`;
    const answer = await this.answered(subject, () =>
      fetch(`${url.replace(/\/+$/, '')}/${path}`, {
        method: 'POST',
        headers: {
          'content-type': CONTENT_TYPE,
          ...(user === '' ? {} : { authorization: `Basic ${login}` }),
        },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(seconds * 1000),
      }),
    );
    const { id } = answer as { readonly id?: unknown };
    if (Number.isInteger(id)) return id as number;
    throw refused(subject, 'its answer has no id');
  }

  private async answered(subject: string, ask: () => Promise<Response>): Promise<unknown> {
    let text: string;
    let status: number;
    try {
      const response = await ask();
      status = response.status;
      text = await response.text();
    } catch (error) {
      const { cause = error } = error as Error;
      throw refused(subject, messageOf(cause), error);
    }
    if (status !== 200) throw refused(subject, `status ${status}, ${text.slice(0, REASON_CHARS_MAX)}`);
    return parsed(text);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

function refused(subject: string, reason: string, cause?: unknown): LoggerError {
  return new LoggerError(
    'TARGET_REFUSED',
    `the schema registry has not taken the schema of ${subject}: ${reason}`,
    { retryable: true, cause },
  );
}
