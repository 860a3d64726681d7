/** Every declared counter with its value, for /health: by exchange, and for the process. Main thread. */
import { type CounterSpecs, together } from '../counters/counters.js';
import { COUNTER_BLOCKS } from '../counters/declarations.js';
import { byExchange, type Snapshot } from './snapshot.js';

type BlockName = keyof typeof COUNTER_BLOCKS;
type Block = Readonly<Record<string, number>>;
type Totals = Readonly<Record<string, Block>>;

function totalsOf(
  of: 'exchange' | 'process',
  blocks: Readonly<Partial<Record<BlockName, readonly Block[]>>>,
): Totals {
  const declared = Object.entries(COUNTER_BLOCKS).filter(([, block]) => block.of === of);
  return Object.fromEntries(
    declared.map(([name, { specs }]) => [
      name,
      together<CounterSpecs>(specs, blocks[name as BlockName] ?? []),
    ]),
  );
}

export function counterTotals(s: Snapshot): { exchanges: Readonly<Record<string, Totals>>; process: Totals } {
  const exchanges = [...byExchange(s)].map(([id, sessions]): [string, Totals] => [
    id,
    totalsOf('exchange', { session: sessions.map(({ counters }) => counters), stored: [s.stored[id]] }),
  ]);
  return {
    exchanges: Object.fromEntries(exchanges),
    process: totalsOf('process', {
      shard: s.shards.map(({ counters }) => counters),
      ring: s.shards.map(({ drained }) => drained),
      writer: [s.writer],
      sealer: [s.sealer],
      sink: s.sinks.map(({ counters }) => counters),
    }),
  };
}
