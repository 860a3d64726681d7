/**
 * A logger started on a data directory that was damaged: whether it goes on or refuses, what it says, and what has become
 * of the rows. Used by damage.ts.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  type LoggerProcess,
  runProgram,
  type SimulatorProcess,
  startLoggerProcess,
  until,
} from '../support/processes.js';
import { DamageScene } from './damage_scene.js';
import type { Damage } from './damages.js';
import { type Judgement, judge } from './judge.js';
import { type PlainDay, readPlain, treeOf } from './plain_files.js';

const CLI = 'dist/src/cli.js';
/** A user that owns nothing. */
const NOBODY = 65_534;
export const SYMBOLS = 3;
const ROWS = 300;
const WARN = 40;
/** A start that is refused ends long before. */
const HANG_MS = 20_000;

const rowsOf = (days: ReadonlyMap<string, PlainDay>, kind: string) => {
  const rows = new Map<string, number>();
  for (const day of days.values())
    if (day.table.endsWith(`/${kind}`)) rows.set(day.table, (rows.get(day.table) ?? 0) + day.rows);
  return rows;
};

/** Captures until every table of trades has some rows more than it had. */
async function capture(
  folder: string,
  simulator: SimulatorProcess,
  options: { wrapper?: readonly string[]; rows?: number } = {},
): Promise<LoggerProcess> {
  const data = join(folder, 'data');
  const count = () => rowsOf(readPlain(data), 'TRADES');
  const before = await Promise.resolve()
    .then(count)
    .catch(() => new Map<string, number>());
  const logger = startLoggerProcess({ folder, wrapper: options.wrapper }, simulator);
  const ended = logger.exited.then(({ code, signal }) => {
    throw new Error(`the logger ended with ${code ?? signal}: ${logger.stderr()}`);
  });
  ended.catch(() => {});
  const grown = until(
    'every table of trades grows',
    () => {
      const now = count();
      const tables = new Set([...before.keys(), ...now.keys()]);
      if (tables.size < 2 * SYMBOLS) return false;
      return [...tables].every((table) => {
        const had = before.get(table) ?? 0;
        const has = now.get(table) ?? 0;
        // begun anew, or gone on
        return has < had ? has > 0 : has >= had + (options.rows ?? 1);
      });
    },
    30,
  );
  try {
    await Promise.race([grown, ended]);
  } catch (error) {
    logger.child.kill('SIGKILL');
    throw error;
  }
  return logger;
}

/** The two directories that are damaged: one of a logger that was stopped, one of a logger that was killed. */
export async function makeBases(root: string, simulator: SimulatorProcess): Promise<void> {
  const stopped = join(root, 'stopped');
  const first = await capture(stopped, simulator, { rows: ROWS });
  await simulator.fault({ kind: 'garbage', exchange: 'coinbase' });
  for (const exchange of ['coinbase', 'binance'])
    await simulator.fault({ kind: 'drop', exchange, count: 60 });
  const coinbase = join(stopped, 'data', 'coinbase');
  await until('a refused message is on disk', () =>
    readdirSync(coinbase).some((name) => name.startsWith('rejected.')),
  );
  await until(
    'what is missing is listed',
    () => rowsOf(readPlain(join(stopped, 'data')), 'GAPS').size === 2 * SYMBOLS,
  );
  await first.stop();
  const killed = join(root, 'killed');
  cpSync(stopped, killed, { recursive: true });
  const second = await capture(killed, simulator, { rows: ROWS });
  await second.kill();
}

export interface Outcome {
  readonly what: string;
  readonly lost: number;
  readonly listed: number;
  readonly problems: readonly string[];
}

/** One kind of damage: done to a copy, started on twice, judged. */
export class Trial {
  private readonly problems: string[] = [];
  private readonly folder: string;
  private readonly data: string;
  private readonly scene: DamageScene;

  constructor(
    private readonly damage: Damage,
    root: string,
    private readonly simulator: SimulatorProcess,
    number: number,
  ) {
    this.folder = join(root, `${number}`);
    this.data = join(this.folder, 'data');
    const elsewhere = join(this.folder, 'elsewhere');
    mkdirSync(elsewhere, { recursive: true });
    cpSync(join(root, damage.end, 'data'), this.data, { recursive: true });
    this.scene = new DamageScene(this.data, elsewhere);
  }

  async run(): Promise<Outcome> {
    const { damage, scene, data, problems } = this;
    damage.prepare?.(scene);
    const before = readPlain(data);
    const spoils = damage.spoils?.(scene) ?? [];
    damage.act(scene);
    if (damage.unprivileged) this.giveAway();
    let what = 'goes on';
    if (damage.refused !== undefined) what = await this.refused();
    await this.live(damage.refused === undefined ? damage.told : undefined);
    await this.live(undefined);
    const spoiled = (path: string) => spoils.some((spoil) => path === spoil || path.startsWith(`${spoil}/`));
    const after = readPlain(data);
    const judged: Judgement = judge({
      ...{ data, before, after, spoiled },
      made_up_rows: damage.made_up_rows?.(scene) ?? {},
      left: damage.verified !== undefined,
    });
    problems.push(...judged.problems, ...(await this.verified()));
    return { what, lost: judged.lost, listed: judged.listed, problems };
  }

  private giveAway(): void {
    chmodSync(join(this.folder, '..'), 0o755);
    execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, this.folder]);
  }

  private get wrapper(): readonly string[] {
    if (!this.damage.unprivileged || process.getuid?.() !== 0) return [];
    return ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
  }

  /** It ends at its start, says why, and changes nothing. */
  private async refused(): Promise<string> {
    const { damage, data, scene, problems } = this;
    const { status, remedy, accept_loss } = damage.refused as NonNullable<Damage['refused']>;
    const tree = treeOf(data);
    const logger = startLoggerProcess({ folder: this.folder, wrapper: this.wrapper }, this.simulator);
    const hangs = setTimeout(() => logger.child.kill('SIGKILL'), HANG_MS);
    const { code } = await logger.exited;
    clearTimeout(hangs);
    if (code !== status) problems.push(`ended with ${code}, not ${status}: ${logger.stderr()}`);
    if (!(damage.told as RegExp).test(logger.stderr())) problems.push(`not told: ${logger.stderr()}`);
    const changed = [...treeOf(data)].filter(([path, was]) => tree.get(path) !== was).map(([path]) => path);
    if (changed.length > 0) problems.push(`changed ${changed.join(', ')}`);
    remedy?.(scene);
    if (accept_loss === true) {
      const { status, text } = await runProgram(CLI, 'recover', '--data', data, '--accept-loss');
      if (status !== 0) problems.push(`--accept-loss: ${text}`);
    }
    return `status ${status}`;
  }

  private async live(told: RegExp | undefined): Promise<void> {
    const { problems } = this;
    const logger = await capture(this.folder, this.simulator, { wrapper: this.wrapper });
    if (this.damage.garbage) await this.simulator.fault({ kind: 'garbage', exchange: 'coinbase' });
    const said = async () => {
      const lines = logger.lines.filter(({ level }) => level >= WARN).map((line) => JSON.stringify(line));
      const { reasons, warnings } = (await logger.health()) as unknown as Record<string, readonly string[]>;
      return [...lines, ...reasons, ...(warnings ?? [])];
    };
    if (told !== undefined)
      await until('the damage is told', async () => (await said()).some((text) => told.test(text)), 20).catch(
        async () => problems.push(`${told} was not told, but ${(await said()).join('\n')}`),
      );
    const status = await logger.stop();
    if (status !== 0) problems.push(`stopped with ${status}: ${logger.stderr()}`);
  }

  private async verified(): Promise<string[]> {
    const { status, text } = await runProgram(CLI, 'verify', '--data', this.data);
    const { verified } = this.damage;
    if (verified === undefined) return status === 0 ? [] : [`verify: ${text}`];
    return verified.test(text) ? [] : [`verify does not say ${verified}: ${text}`];
  }
}
