/**
 * One clock for all processes and threads of a run. Each reads the kernel's monotonic clock, which they share, and adds
 * a number that the first of them has put into the environment, so that two of them never disagree: wall clocks that
 * each reads at its start would, by what is cut off and by how the system clock was corrected in between.
 */

const EPOCH = 'BENCH_EPOCH_US';
const READS = 20;

function hrtimeMs(): number {
  const [seconds, nanos] = process.hrtime();
  return seconds * 1000 + nanos / 1e6;
}

/** The monotonic clock at the zero of this thread's performance.now(), by the reading that was held up least. */
function originMs(): number {
  let [origin, shortest] = [0, Infinity];
  for (let n = 0; n < READS; n++) {
    const before = performance.now();
    const time = hrtimeMs();
    const took = performance.now() - before;
    if (took >= shortest) continue;
    shortest = took;
    origin = time - before - took / 2;
  }
  return origin;
}

const ORIGIN_MS = originMs();
process.env[EPOCH] ??= String(Math.round((performance.timeOrigin - ORIGIN_MS) * 1000));
const EPOCH_US = Number(process.env[EPOCH]);

/** Microseconds since 1970. */
export function clockUs(): number {
  return EPOCH_US + (performance.now() + ORIGIN_MS) * 1000;
}
