/**
 * `npm run test:crash -- --rounds 100 --seed 1 --window 1500`: kills at random moments; `--syscall pwrite64 --step 25`
 * kills at every 25th such call instead (needs strace). Ends with status 1 when anything was wrong.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type CrashOptions, killAtRandom, killAtSyscalls } from './rounds.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    window: { type: 'string', default: '1500' },
    symbols: { type: 'string', default: '12' },
    rate: { type: 'string', default: '2000' },
    syscall: { type: 'string' },
    step: { type: 'string', default: '25' },
    life: { type: 'string', default: '6000' },
    unjournaled: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
});

const folder = mkdtempSync(join(tmpdir(), 'logger-crash-'));
const options: CrashOptions = {
  rounds: Number(values.rounds),
  seed: Number(values.seed),
  windowMs: Number(values.window),
  journaled: !values.unjournaled,
  symbols: Number(values.symbols),
  rate: Number(values.rate),
  folder,
  report: (line) => console.log(line),
};
console.log(`seed ${options.seed}, in ${folder}`);
const { lives, problems } =
  values.syscall === undefined
    ? await killAtRandom(options)
    : await killAtSyscalls(options, values.syscall, Number(values.step), Number(values.life));
for (const problem of problems) console.error(problem);
console.log(`${lives.length} kills, ${problems.length === 0 ? 'nothing lost' : 'PROBLEMS, see above'}`);
if (problems.length === 0 && !values.keep) rmSync(folder, { recursive: true });
process.exit(problems.length === 0 ? 0 : 1);
