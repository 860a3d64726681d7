/** A name server of our own, which knows every name or has one of the troubles of name servers. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** `wrong`: an address at which nobody listens. */
export type NameTrouble = 'none' | 'unknown' | 'failing' | 'silent' | 'wrong';

const HEADER_BYTES = 12;
const TYPE_A = 1;
const RESPONSE = 0x8180;
const CODES = { none: 0, wrong: 0, failing: 2, unknown: 3 } as const;
const ADDRESSES = { none: [127, 0, 0, 1], wrong: [127, 0, 0, 99] } as const;

/** The end of the question: its name in labels, then type and class. */
function questionEnd(query: Buffer): number {
  let at = HEADER_BYTES;
  while (query[at] !== 0) at += query[at] + 1;
  return at + 5;
}

/** The answer to a query with one question (RFC 1035 §4.1), kept by nobody: its time to live is 0. */
function answerOf(query: Buffer, trouble: Exclude<NameTrouble, 'silent'>): Buffer {
  const end = questionEnd(query);
  const reply = Buffer.from(query.subarray(0, end));
  const known = CODES[trouble] === 0 && query.readUInt16BE(end - 4) === TYPE_A;
  reply.writeUInt16BE(RESPONSE | CODES[trouble], 2);
  reply.writeUInt16BE(known ? 1 : 0, 6);
  reply.writeUInt32BE(0, 8);
  if (!known) return reply;
  const address = ADDRESSES[trouble as keyof typeof ADDRESSES];
  return Buffer.concat([
    reply,
    Buffer.from([0xc0, HEADER_BYTES, 0, TYPE_A, 0, 1, 0, 0, 0, 0, 0, 4, ...address]),
  ]);
}

export class NameServer {
  trouble: NameTrouble = 'none';

  private constructor(private readonly socket: Socket) {
    socket.on('message', (query, { port, address }) => {
      if (this.trouble !== 'silent') socket.send(answerOf(query, this.trouble), port, address);
    });
  }

  static async start(): Promise<NameServer> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new NameServer(socket);
  }

  get address(): string {
    return `127.0.0.1:${this.socket.address().port}`;
  }

  close(): void {
    this.socket.close();
  }
}
