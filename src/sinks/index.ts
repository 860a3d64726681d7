/**
 * The types of sinks are the files of this folder: `jsonl.ts` is `type = "jsonl"`. Nothing has a list of them. Used by
 * commands and by the entry point of sink threads.
 */
import { readdir } from 'node:fs/promises';
import { assert } from '../base/errors.js';
import type { SinkKind } from '../config/sinks.js';
import type { SinkType } from '../delivery/sink.js';

const FILE = /^([a-z0-9]+)\.js$/;
const INDEX = 'index';
/** What suits most targets. */
const BATCH = { rows: 1000, bytes: 1_048_576, secs: 1 } as const;

export async function loadSinkType(type: string): Promise<SinkType> {
  const module = (await import(`./${type}.js`)) as { readonly default?: SinkType };
  assert(module.default !== undefined, `sinks/${type}.ts has a default export`);
  return module.default;
}

/** All types, in the order of their names. */
export async function loadSinkKinds(): Promise<SinkKind[]> {
  const types = (await readdir(import.meta.dirname)).map((file) => FILE.exec(file)?.[1]);
  const names = types.filter((type) => type !== undefined && type !== INDEX).sort() as string[];
  return Promise.all(
    names.map(async (type) => {
      const { doc, options, batch, from = 'start' } = await loadSinkType(type);
      return { type, doc, options, batch: { ...BATCH, ...batch }, from };
    }),
  );
}
