import { SquallError } from '../../harness/errors.ts';
import { senderOf, type TimedEvent } from '../../harness/history.ts';
import { sampleIntervalMs } from '../../harness/metrics.ts';
import { loadEndMs, type RunPlan } from '../../harness/plan.ts';
import type { Requests } from '../../harness/requests.ts';
import type { SpanRecord } from '../../harness/tracing/span.ts';
import { pinOf, type Versions } from '../../harness/versions.ts';
import { beginOf } from '../../harness/windows.ts';
import { rounded } from '../rounding.ts';
import type { RenderInput, RunDocument, SloResult, Verdict } from '../store/run-document.ts';
import type { RunFacts } from './check.ts';
import { cacheUse } from './counters.ts';
import { loadFold, windowFold } from './counts.ts';
import { capacityOf } from './elasticity/capacity.ts';
import { costResult, decisionRows, replicaSeries, scalingOf } from './elasticity/summary.ts';
import { eventRows } from './event-rows.ts';
import { distributionsOf } from './figures/distributions.ts';
import { notableFold } from './figures/notable-requests.ts';
import { timelineFold } from './figures/timeline.ts';
import { traceFinder } from './figures/traces.ts';
import { upstreamsFold } from './figures/upstreams.ts';
import { factsOf, faultResult } from './fold.ts';
import { arrivalsFold, knowArrivals } from './folds/arrivals.ts';
import { eachColumns } from './folds/folding.ts';
import { GATES } from './gates.ts';
import { spreadMs } from './merge/merge.ts';
import { judgeSlo } from './slo.ts';
import { warningsOf } from './warnings/found.ts';
import { weakAttacks } from './weak-attacks.ts';

/** Stored run. */
export interface JudgeInput {
  /** Whole history, on the run's timeline; its `plan` event contains the SLOs. */
  readonly events: readonly TimedEvent[];
  /** All request records, warm-up included, in any order. */
  readonly records: Requests;
  /** Spans of its requests. @default none */
  readonly spans?: readonly SpanRecord[];
  /** File names for the document by role: `html`, `junit`, … */
  readonly artifacts?: Readonly<Record<string, string>>;
}

/**
 * Judges a run: turns history and records into everything that renderers show. A pure fold, so the same input gives the same bytes,
 * and a stored run can be judged again at any time.
 *
 * ```
 * a gate's reason, or an SLO invalid → invalid
 * interrupted, or a segment alone    → inconclusive      an SLO failed → fail
 * no SLO, or one undecided           → inconclusive      otherwise     → pass
 * or an attack that was too weak
 * ```
 *
 * @throws SquallError `NO_PLAN` when the history was truncated within its first event
 */
export function judge({ events, records, spans = [], artifacts = {} }: JudgeInput): RenderInput {
  const opening = events.find(event => event.type === 'plan');
  if (!opening)
    throw new SquallError('environment', 'NO_PLAN', 'Expected the history to begin with a plan, found none', {
      next: 'Check that the directory belongs to a run that has started.',
    });
  const { plan, environment } = opening;
  const run = factsOf(plan, events, records);
  const folds = foldsOf(run, spans);
  const windows = folds.windows.result();
  const prefixCache = cacheUse(events, 0, endMs(run) + sampleIntervalMs(plan));
  const load = folds.load.result();
  const invalidReasons = GATES.flatMap(gate => gate(run, load));
  const slos = plan.slos.map(slo => judgeSlo(slo, run));
  const interruption = events.find(event => event.type === 'interrupted');
  const judged = verdictOfRun(invalidReasons, slos, {
    isInterrupted: interruption !== undefined,
    isSegment: plan.segment !== undefined,
  });
  const weak = judged === 'pass' ? weakAttacks(run) : [];
  const verdict = weak.length > 0 ? 'inconclusive' : judged;
  const merged = events.find(event => event.type === 'merged');
  const versions = versionsOf(environment.versions, events);
  const scaling = scalingOf(run);
  const cost = costResult(run, endMs(run));
  const document: RunDocument = {
    schema: 1,
    id: environment.id,
    scenario: plan.scenario,
    platform: plan.platform,
    ...(plan.target === undefined ? {} : { target: plan.target }),
    ...(plan.metrics === undefined ? {} : { metrics: plan.metrics }),
    ...(merged ? { segments: merged.segments, spreadMs: spreadMs(merged.segments) } : {}),
    ...readyOf(events),
    seed: plan.seed,
    timeScale: plan.timeScale,
    verdict,
    interrupted: interruption !== undefined,
    exitCode: exitCodeOf(verdict, events),
    reasons: [
      ...invalidReasons,
      ...segmentReason(plan),
      ...(interruption ? [`The run was interrupted by ${interruption.by}.`] : []),
      ...weak,
      ...(invalidReasons.length > 0 && slos.every(({ verdict }) => verdict === 'pass') ? [] : sloReasons(slos)),
    ],
    replay: replayOf(plan, versions, events),
    startedAt: environment.startedAt,
    durationMs: rounded((events.at(-1)?.atMs ?? 0) - (events[0]?.atMs ?? 0)),
    machine: environment.machine,
    versions,
    ...(environment.revision && { revision: environment.revision }),
    load,
    warnings: warningsOf(run, load, prefixCache),
    ...notesOf(events),
    ...(prefixCache && { prefixCache }),
    ...folds.upstreams.result(),
    windows,
    slos,
    faults: run.faults.map(faultResult),
    ...(scaling && { scaling }),
    ...(cost && { cost }),
    ...capacityOf(events, endMs(run)),
    artifacts,
  };
  const timeline = folds.timeline.result();
  const replicas = replicaSeries(run, timeline.offered.length, timeline.slotMs);
  return {
    document,
    plan,
    timeline: { ...timeline, ...(replicas && { replicas }) },
    distributions: distributionsOf(run.windows, run.records),
    notable: folds.notable.result(),
    decisions: decisionRows(run),
    events: eventRows(events),
  };
}

/** Folds over all requests of a run, in one go. Afterwards is known what SLOs and gates ask of each window, too. */
function foldsOf(run: RunFacts, spans: readonly SpanRecord[]) {
  const { plan, events, records } = run;
  const injectionsMs = run.faults.map(beginOf).filter(ms => ms !== null);
  // Histories that do not have the text of their scenario are of versions whose requests had other ids.
  const sender = plan.source === undefined ? null : senderOf(events);
  const folds = {
    windows: windowFold(run.windows, records),
    load: loadFold(plan.load.engine, events),
    arrivals: arrivalsFold(plan.load.ramps),
    upstreams: upstreamsFold(endMs(run)),
    timeline: timelineFold(events, endMs(run), undefined, injectionsMs),
    notable: notableFold(records, sender, traceFinder(spans, events)),
  };
  eachColumns(records, columns => {
    for (const { visit } of Object.values(folds)) visit(columns);
  });
  knowArrivals(plan.load.ramps, records, folds.arrivals.result());
  return folds;
}

function readyOf(events: readonly TimedEvent[]): Pick<RunDocument, 'ready'> {
  const found = events.find(event => event.type === 'ready');
  if (!found) return {};
  const { tookMs, attempts, waitedFor } = found;
  return { ready: { tookMs: rounded(tookMs), attempts, waitedFor } };
}

/** Exit code of a run: an interruption and a crash take precedence over the verdict. */
export function exitCodeOf(verdict: Verdict, events: readonly TimedEvent[]): RunDocument['exitCode'] {
  if (events.some(event => event.type === 'interrupted')) return 130;
  if (events.some(event => event.type === 'crashed')) return 4;
  return verdict === 'pass' ? 0 : verdict === 'fail' ? 1 : 2;
}

function verdictOfRun(
  invalidReasons: readonly string[],
  slos: readonly SloResult[],
  { isInterrupted, isSegment }: { readonly isInterrupted: boolean; readonly isSegment: boolean },
): Verdict {
  const some = (verdict: Verdict) => slos.some(slo => slo.verdict === verdict);
  if (invalidReasons.length > 0) return 'invalid';
  // A segment cannot judge an SLO on a fault that another segment injects.
  if (isSegment) return 'inconclusive';
  if (some('invalid')) return 'invalid';
  if (isInterrupted) return 'inconclusive';
  if (some('fail')) return 'fail';
  return slos.length === 0 || some('inconclusive') ? 'inconclusive' : 'pass';
}

/** Reason why a single segment has no verdict: the others may show the opposite. */
function segmentReason({ segment }: RunPlan): string[] {
  if (!segment) return [];
  const { index, of } = segment;
  return [`This run is segment ${index} of ${of} of the load; \`squall merge\` judges all segments together.`];
}

function sloReasons(slos: readonly SloResult[]): string[] {
  if (slos.length === 0) return ['The scenario has no SLOs, so nothing was judged.'];
  const open = slos.filter(slo => slo.verdict !== 'pass');
  if (open.length === 0) return [slos.length === 1 ? 'The SLO is met.' : `All ${slos.length} SLOs are met.`];
  return open.map(slo => `${slo.name}: ${slo.reason}`);
}

function versionsOf(early: Versions, events: readonly TimedEvent[]): Versions {
  return Object.assign({}, early, ...events.filter(event => event.type === 'versions').map(event => event.versions));
}

/** What the generator noticed, over the whole run or until it died; nothing if it does not look or there was nothing. */
function notesOf(events: readonly TimedEvent[]): Pick<RunDocument, 'notes'> {
  const notes = events.flatMap(event =>
    event.type === 'load' ? (event.summary.notes ?? []) : event.type === 'notes' ? event.notes : [],
  );
  return notes.length > 0 ? { notes } : {};
}

/** The plan's command, with the versions of a run whose stack came up. */
function replayOf({ replay }: RunPlan, versions: Versions, events: readonly TimedEvent[]): string {
  return events.some(({ type }) => type === 'versions') ? `${replay} --versions ${pinOf(versions)}` : replay;
}

function endMs(run: RunFacts): number {
  return run.windows.find(window => window.name === 'whole')?.toMs ?? loadEndMs(run.plan);
}
