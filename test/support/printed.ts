/** What a command prints, for tests that call it in their own process. */
import { Writable } from 'node:stream';

/** Everything that `print` writes to the stream that it is given. */
export async function textOf(print: (stream: Writable) => Promise<unknown>): Promise<string> {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      chunks.push(chunk);
      done();
    },
  });
  await print(stream);
  return Buffer.concat(chunks).toString('utf8');
}
