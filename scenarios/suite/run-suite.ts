import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../harness/clock.ts';
import { messageOf } from '../../harness/errors.ts';
import { ARTIFACTS } from '../../reports/publish.ts';
import type { SuiteCell, SuitePlace, SuiteProof, SuiteRun } from '../../reports/store/suite-document.ts';
import type { LoadOptions } from '../load-scenario.ts';
import type { Journal, SuiteEntry } from './journal.ts';
import type { PlannedPlace } from './plan-suite.ts';
import { damageOf, lostRun, type SuiteOrder, type SuiteResult } from './run-one.ts';

/** One run that is due: a place, and the index of a proof or null. */
export interface SuiteTask {
  readonly place: PlannedPlace;
  readonly without: number | null;
}

/** How a suite stands. */
export interface SuiteProgress {
  /** Those under way. */
  readonly running: readonly SuiteTask[];
  /** Those that ended in this process, with their time on this machine. */
  readonly ended: readonly { readonly task: SuiteTask; readonly wallMs: number }[];
  /** Those that have not ended, and may still; proofs of runs that have not passed yet are among them. */
  readonly due: readonly SuiteTask[];
  readonly cells: readonly SuiteCell[];
  /** In ms, without pauses. */
  readonly wallMs: number;
  readonly budgetSpent: boolean;
}

/** Options of {@link runSuite}. */
export interface RunSuiteOptions {
  readonly places: readonly PlannedPlace[];
  /** Folder of the suite. */
  readonly folder: string;
  readonly journal: Journal;
  /** Runs at once in virtual time; those in real time are alone. */
  readonly jobs: number;
  /** Begins no run after this time, in ms from the call. @default none */
  readonly budgetMs?: number | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** How a scenario is loaded for a run. @param changes overrides of a proof */
  readonly optionsOf: (place: PlannedPlace, changes: Readonly<Record<string, unknown>>) => LoadOptions;
  /** Runs one. @throws an error of that run, or the signal's reason */
  readonly run: (order: SuiteOrder, place: PlannedPlace) => Promise<SuiteResult>;
  /** Called when a run begins, and when it has ended and is in the journal. */
  readonly onChange: (progress: SuiteProgress, ended?: SuiteEntry) => void;
}

/**
 * Runs whatever the journal does not have yet: in virtual time side by side, then one after the other in real time. A run that fails, or
 * cannot be run, does not keep others from running; one that is interrupted is as if it had not begun.
 */
export async function runSuite(options: RunSuiteOptions): Promise<SuiteProgress> {
  const { places, journal, jobs, clock, signal, onChange, budgetMs = Number.POSITIVE_INFINITY } = options;
  const startedMs = clock.nowMs();
  const before = journal.entries.at(-1)?.atMs ?? 0;
  const entries = byTask(journal.entries);
  const damages = damagesOf(options.folder, entries);
  removeCutShort(options.folder, places, entries);
  const running = new Set<SuiteTask>();
  const ended: SuiteProgress['ended'][number][] = [];
  let budgetSpent = false;
  const progress = (): SuiteProgress => ({
    ...{ running: [...running], ended: [...ended], budgetSpent },
    due: dueIn(places, entries),
    cells: places.map(place => cellOf(place, entries, damages, budgetSpent)),
    wallMs: before + clock.nowMs() - startedMs,
  });
  const attempt = async (task: SuiteTask, slots: Slots) => {
    await slots.take(task.without !== null);
    try {
      if (signal.aborted) return;
      if (clock.nowMs() - startedMs >= budgetMs) {
        budgetSpent = true;
        return;
      }
      running.add(task);
      onChange(progress());
      const beganMs = clock.nowMs();
      const result = await resultOf(task, options, () => clock.nowMs() - beganMs);
      running.delete(task);
      if (!result || result.interrupted) return;
      const { scenario, platform, seed, repeat } = task.place;
      const atMs = before + clock.nowMs() - startedMs;
      const { run, proof } = result;
      const { without } = task;
      const entry: SuiteEntry = JSON.parse(
        JSON.stringify({ type: 'run', scenario, platform, seed, repeat, without, atMs, run, proof }),
      );
      journal.append(entry);
      entries.set(keyOf(task.place, without), entry);
      ended.push({ task, wallMs: run.wallMs });
      onChange(progress(), entry);
    } finally {
      running.delete(task);
      slots.give();
    }
  };
  const visit = async (place: PlannedPlace, slots: Slots) => {
    for (const proves of [false, true]) {
      const due = dueNow(place, entries).filter(({ without }) => (without !== null) === proves);
      await Promise.all(due.map(task => attempt(task, slots)));
    }
  };
  const ready = places.filter(({ state }) => state === 'ready');
  const isVirtual = ({ platform }: PlannedPlace) => platform === 'virtual';
  const together = slotsOf(jobs);
  await Promise.all(ready.filter(isVirtual).map(place => visit(place, together)));
  const alone = slotsOf(1);
  await Promise.all(ready.filter(place => !isVirtual(place)).map(place => visit(place, alone)));
  return progress();
}

/** The result of a run, whatever becomes of it; undefined where the suite was interrupted. */
async function resultOf(
  { place, without }: SuiteTask,
  { folder, optionsOf, run, signal }: RunSuiteOptions,
  tookMs: () => number,
): Promise<SuiteResult | undefined> {
  const proof = without === null ? undefined : place.proofs[without]!;
  const out = join(folder, folderOf(place, proof !== undefined));
  try {
    return await run(
      {
        ...{ found: place.found!, options: optionsOf(place, proof?.set ?? {}), folder, out },
        ...(proof && { proof: { without: proof.without, breaks: proof.breaks } }),
      },
      place,
    );
  } catch (error) {
    if (signal.aborted) return undefined;
    const sentence = `${messageOf(error).replace(/\.$/, '')}.`;
    return {
      run: lostRun(sentence, tookMs()),
      interrupted: false,
      ...(proof && {
        proof: { outcome: 'unusable', sentence: `Without ${proof.without} there is no run: ${sentence}` },
      }),
    };
  }
}

/** Folder of the runs of a place, relative to that of the suite: those of its proofs are not among the repeats of the scenario. */
export function folderOf({ scenario, platform }: Pick<SuitePlace, 'scenario' | 'platform'>, isProof: boolean): string {
  return join(scenario, platform, ...(isProof ? ['proofs'] : []));
}

/** Removes the folders of runs that were killed or interrupted in the middle: they run again, and are no repeats of their scenario. */
function removeCutShort(folder: string, places: readonly PlannedPlace[], entries: Entries): void {
  const kept = new Set([...entries.values()].flatMap(({ run: { directory } }) => directory ?? []));
  const parents = new Set(places.flatMap(place => [folderOf(place, false), folderOf(place, true)]));
  for (const parent of parents) {
    if (!existsSync(join(folder, parent))) continue;
    for (const name of readdirSync(join(folder, parent))) {
      const path = join(parent, name);
      const isRun = existsSync(join(folder, path, ARTIFACTS.events));
      if (isRun && !kept.has(path)) rmSync(join(folder, path), { recursive: true });
    }
  }
}

/** What tells the runs of a suite apart. */
function keyOf({ scenario, platform, seed, repeat }: SuitePlace, without: number | null): string {
  return [scenario, platform, seed, repeat, without].join(' ');
}

type Entries = ReadonlyMap<string, SuiteEntry>;

/** Runs that can begin now: a place as it is, or its proofs once that has passed. */
function dueNow(place: PlannedPlace, entries: Entries): SuiteTask[] {
  const base = entries.get(keyOf(place, null));
  if (!base) return [{ place, without: null }];
  return base.run.verdict === 'pass' ? proofsDue(place, entries) : [];
}

/** Runs of a suite that may still come, if all is well. @param before those that ended. @default none */
export function dueTasks(places: readonly PlannedPlace[], before: readonly SuiteEntry[] = []): SuiteTask[] {
  return dueIn(places, byTask(before));
}

function byTask(entries: readonly SuiteEntry[]): Map<string, SuiteEntry> {
  return new Map(entries.map(entry => [keyOf(entry, entry.without), entry]));
}

function dueIn(places: readonly PlannedPlace[], entries: Entries): SuiteTask[] {
  return places.flatMap(place => dueOf(place, entries));
}

function dueOf(place: PlannedPlace, entries: Entries): SuiteTask[] {
  if (place.state !== 'ready') return [];
  const now = dueNow(place, entries);
  return now[0]?.without === null ? [...now, ...proofsDue(place, entries)] : now;
}

function proofsDue(place: PlannedPlace, entries: Entries): SuiteTask[] {
  const all = place.proofs.map((_, without) => ({ place, without }));
  return all.filter(({ without }) => !entries.has(keyOf(place, without)));
}

/** What is wrong with the folders of runs of earlier processes, by key. */
function damagesOf(folder: string, entries: Entries): ReadonlyMap<string, string> {
  const found = [...entries].flatMap(([key, { run }]): [string, string][] => {
    const damage = damageOf(folder, run);
    return damage === undefined ? [] : [[key, damage]];
  });
  return new Map(found);
}

function cellOf(
  place: PlannedPlace,
  entries: Entries,
  damages: ReadonlyMap<string, string>,
  budgetSpent: boolean,
): SuiteCell {
  const { scenario, platform, seed, repeat, state, sentence } = place;
  const key = keyOf(place, null);
  const run = entries.get(key)?.run;
  const own = { scenario, platform, seed, repeat };
  if (state !== 'ready') return { ...own, state, sentence, proofs: [] };
  if (!run) {
    const why = budgetSpent ? 'The time budget of the suite was spent before.' : 'The suite ended before.';
    return { ...own, state: 'not-run', sentence: why, proofs: [] };
  }
  const proofs = place.proofs.map((_, index) => proofOf(place, index, run, entries, damages));
  const damage = damages.get(key);
  if (damage !== undefined) return { ...own, state: 'damaged', sentence: damage, run, proofs };
  return { ...own, state: 'ended', sentence: run.verdict === 'pass' ? '' : whyOf(run), run, proofs };
}

function whyOf({ reasons }: SuiteRun): string {
  const [first = 'There is no reason.', ...more] = reasons;
  return more.length === 0 ? first : `${first} (and ${more.length} more)`;
}

function proofOf(
  place: PlannedPlace,
  index: number,
  base: SuiteRun,
  entries: Entries,
  damages: ReadonlyMap<string, string>,
): SuiteProof {
  const { without } = place.proofs[index]!;
  const key = keyOf(place, index);
  const entry = entries.get(key);
  const damage = damages.get(key);
  if (!entry?.proof) {
    const why =
      base.verdict === 'pass' ? 'the suite ended before' : `the verdict of the run with it is ${base.verdict}`;
    return { without, outcome: 'not-run', sentence: `Not tried without ${without}: ${why}.` };
  }
  const { outcome, sentence } =
    damage === undefined ? entry.proof : ({ outcome: 'unusable', sentence: damage } as const);
  const { directory } = entry.run;
  return { without, outcome, sentence, ...(directory !== undefined && { directory }) };
}

interface Slots {
  /** Resolves once there is room. @param first whether before all that wait */
  take(first: boolean): Promise<void>;
  give(): void;
}

function slotsOf(count: number): Slots {
  let free = count;
  const waiting: (() => void)[] = [];
  return {
    async take(first) {
      if (free === 0) return new Promise(resolve => void waiting[first ? 'unshift' : 'push'](resolve));
      free -= 1;
    },
    give() {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    },
  };
}
