/** The disk with its calls counted. */
import { DiskIo, type StoreIo } from '../src/store/disk/io.js';

export interface CountedIo {
  readonly io: StoreIo;
  /** calls since the last look, by method of StoreIo */
  take(): Record<string, number>;
}

type Method = (...args: unknown[]) => unknown;

export function countedIo(): CountedIo {
  const disk = new DiskIo() as unknown as Record<string, Method>;
  const counts: Record<string, number> = {};
  const methods = Object.getOwnPropertyNames(DiskIo.prototype).filter((name) => name !== 'constructor');
  const counted = methods.map((name): [string, Method] => {
    counts[name] = 0;
    return [
      name,
      (...args) => {
        counts[name]++;
        return disk[name](...args);
      },
    ];
  });
  return {
    io: Object.fromEntries(counted) as unknown as StoreIo,
    take: () => {
      const taken = Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
      for (const name of methods) counts[name] = 0;
      return taken;
    },
  };
}
