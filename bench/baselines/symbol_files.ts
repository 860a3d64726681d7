/**
 * Trades as lines of text in one file per symbol. Each has a buffer that is used again: texts that grow by a line at a
 * time would be thousands of small strings for the collector to look at.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { task } from './client.js';
import type { Sink } from './json_trades.js';

const BUFFER_BYTES = 64 * 1024;

class SymbolFile {
  private readonly fd: number;
  private readonly buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  private end = 0;

  constructor(symbol: string) {
    this.fd = openSync(join(task.folder, `${symbol}.csv`), 'a');
  }

  /** All of the line is ASCII. */
  append(line: string): void {
    if (this.end + line.length > BUFFER_BYTES) this.flush();
    this.end += this.buffer.write(line, this.end, 'latin1');
  }

  private flush(): void {
    for (let at = 0; at < this.end; ) at += writeSync(this.fd, this.buffer, at, this.end - at);
    this.end = 0;
  }

  close(): void {
    this.flush();
    closeSync(this.fd);
  }
}

export class SymbolFiles implements Sink {
  private readonly files = new Map(task.symbols.map((symbol) => [symbol, new SymbolFile(symbol)]));

  store(symbol: string, time: number | string, id: number, price: string, size: string, side: string): void {
    this.files.get(symbol)?.append(`${Date.now()},${time},${id},${price},${size},${side}\n`);
  }

  close(): void {
    for (const file of this.files.values()) file.close();
  }
}
