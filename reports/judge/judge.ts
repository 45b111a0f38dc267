import { SquallError } from '../../harness/errors.ts';
import type { TimedEvent } from '../../harness/history.ts';
import { driveEndMs, type RunPlan } from '../../harness/plan.ts';
import type { RequestRecord } from '../../harness/requests.ts';
import { pinOf, type Versions } from '../../harness/versions.ts';
import { rounded } from '../rounding.ts';
import type { RenderInput, RunDocument, SloResult, Verdict } from '../store/run-document.ts';
import type { RunFacts } from './check.ts';
import { eventRows } from './event-rows.ts';
import { factsOf, faultResult } from './fold.ts';
import { GATES } from './gates.ts';
import { loadCounts } from './load-counts.ts';
import { spreadMs } from './merge/merge.ts';
import { judgeSlo } from './slo.ts';
import { timelineOf } from './timeline.ts';
import { weakAttacks } from './weak-attacks.ts';
import { windowResult } from './window-results.ts';

/** A finished run, as it lies on disk. */
export interface JudgeInput {
  /** The whole history, on the run's time line; its `plan` event says what was to be judged. */
  readonly events: readonly TimedEvent[];
  /** All request records, in any order, warm-up included. */
  readonly records: readonly RequestRecord[];
  /** File names for the document, by role: `html`, `junit`, … */
  readonly artifacts?: Readonly<Record<string, string>>;
}

/**
 * Judges a run: history and records in, everything that renderers show out. A pure fold, so the same input gives the same
 * bytes, and a stored run can be judged again at any time.
 *
 * ```
 * any gate shut, or an SLO invalid → invalid
 * interrupted, or a segment alone  → inconclusive      an SLO failed → fail
 * no SLO, or one undecided         → inconclusive      otherwise     → pass
 * or an attack that was too weak
 * ```
 *
 * @throws SquallError `NO_PLAN` when the history was cut before its first event was whole
 */
export function judge({ events, records, artifacts = {} }: JudgeInput): RenderInput {
  const opening = events.find(event => event.type === 'plan');
  if (!opening)
    throw new SquallError('environment', 'NO_PLAN', 'Expected the history to begin with its plan, found none', {
      next: 'Check that this is the directory of a run that got as far as starting.',
    });
  const { plan, surroundings } = opening;
  const run = factsOf(plan, events, records);
  const load = loadCounts(plan.load.engine, run.records, events);
  const shut = GATES.flatMap(gate => gate(run, load));
  const slos = plan.slos.map(slo => judgeSlo(slo, run));
  const interruption = events.find(event => event.type === 'interrupted');
  const judged = verdictOfRun(shut, slos, {
    isInterrupted: interruption !== undefined,
    isSegment: plan.segment !== undefined,
  });
  const weak = judged === 'pass' ? weakAttacks(run) : [];
  const verdict = weak.length > 0 ? 'inconclusive' : judged;
  const merged = events.find(event => event.type === 'merged');
  const versions = versionsOf(surroundings.versions, events);
  const document: RunDocument = {
    schema: 1,
    id: surroundings.id,
    scenario: plan.scenario,
    platform: plan.platform,
    ...(plan.target === undefined ? {} : { target: plan.target }),
    ...(merged ? { segments: merged.segments, spreadMs: spreadMs(merged.segments) } : {}),
    seed: plan.seed,
    timeScale: plan.timeScale,
    verdict,
    interrupted: interruption !== undefined,
    exitCode: exitCodeOf(verdict, events),
    reasons: [
      ...shut,
      ...segmentReason(plan),
      ...(interruption ? [`The run was interrupted by ${interruption.by}.`] : []),
      ...weak,
      ...sloReasons(slos),
    ],
    replay: replayOf(plan, versions, events),
    startedAt: surroundings.startedAt,
    durationMs: rounded((events.at(-1)?.atMs ?? 0) - (events[0]?.atMs ?? 0)),
    machine: surroundings.machine,
    versions,
    load,
    windows: run.windows.map(window => windowResult(window, run.records)),
    slos,
    faults: run.faults.map(faultResult),
    artifacts,
  };
  return { document, plan, timeline: timelineOf(run.records, events, endMs(run)), events: eventRows(events) };
}

/** Exit code of a run: an interruption and a crash outrank the verdict. */
export function exitCodeOf(verdict: Verdict, events: readonly TimedEvent[]): RunDocument['exitCode'] {
  if (events.some(event => event.type === 'interrupted')) return 130;
  if (events.some(event => event.type === 'crashed')) return 4;
  return verdict === 'pass' ? 0 : verdict === 'fail' ? 1 : 2;
}

function verdictOfRun(
  shut: readonly string[],
  slos: readonly SloResult[],
  { isInterrupted, isSegment }: { readonly isInterrupted: boolean; readonly isSegment: boolean },
): Verdict {
  const some = (verdict: Verdict) => slos.some(slo => slo.verdict === verdict);
  if (shut.length > 0) return 'invalid';
  // An SLO on a fault that another segment injects is nothing that this one could judge.
  if (isSegment) return 'inconclusive';
  if (some('invalid')) return 'invalid';
  if (isInterrupted) return 'inconclusive';
  if (some('fail')) return 'fail';
  return slos.length === 0 || some('inconclusive') ? 'inconclusive' : 'pass';
}

/** What one segment found says nothing: another may have found the opposite. */
function segmentReason({ segment }: RunPlan): string[] {
  if (!segment) return [];
  const { index, of } = segment;
  return [`This is segment ${index} of ${of} of the load: \`squall merge\` judges all of them together.`];
}

function sloReasons(slos: readonly SloResult[]): string[] {
  if (slos.length === 0) return ['The scenario has no SLO, so nothing was judged.'];
  const open = slos.filter(slo => slo.verdict !== 'pass');
  if (open.length === 0) return [slos.length === 1 ? 'The SLO holds.' : `All ${slos.length} SLOs hold.`];
  return open.map(slo => `${slo.name}: ${slo.reason}`);
}

function versionsOf(early: Versions, events: readonly TimedEvent[]): Versions {
  return Object.assign({}, early, ...events.filter(event => event.type === 'versions').map(event => event.versions));
}

/** The plan's command, with the versions of a run whose stack came up. */
function replayOf({ replay }: RunPlan, versions: Versions, events: readonly TimedEvent[]): string {
  return events.some(({ type }) => type === 'versions') ? `${replay} --versions ${pinOf(versions)}` : replay;
}

function endMs(run: RunFacts): number {
  return run.windows.find(window => window.name === 'whole')?.toMs ?? driveEndMs(run.plan);
}
