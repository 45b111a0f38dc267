import { rounded } from '../../rounding.ts';
import type { CostResult, DecisionRow, ReplicaSeries, ScalingResult } from '../../store/elasticity-results.ts';
import type { RunFacts } from '../check.ts';
import { costOf } from './cost.ts';
import { isSeen } from './mark.ts';
import { desiredLevels, EXISTING, type Level, READY, replicaLevels } from './provision.ts';
import { type Reaction, STAGES, type Stage } from './reaction.ts';
import { decisionEvents, scaleEvents } from './replicas.ts';

/** Whether anything scaled the stack, or was there to. */
export function isScaled({ plan, events }: Pick<RunFacts, 'plan' | 'events'>): boolean {
  const { autoscaler = 'off' } = plan.stack;
  return autoscaler !== 'off' || scaleEvents(events).length > 0;
}

/** Course of the reactions for the document; undefined where nothing scales. */
export function scalingOf(run: RunFacts): ScalingResult[] | undefined {
  return isScaled(run) ? run.reactions().map(scalingResult) : undefined;
}

function scalingResult({ step, marks, broken, isNeeded }: Reaction): ScalingResult {
  const at = (stage: Stage) => {
    const mark = marks[stage];
    return isSeen(mark) ? rounded(mark.atMs) : null;
  };
  const seen = STAGES.flatMap(stage => {
    const mark = marks[stage];
    return isSeen(mark) ? [[stage, [rounded(mark.lowerMs), rounded(mark.upperMs)]]] : [];
  });
  const unseen = STAGES.flatMap(stage => {
    const mark = marks[stage];
    return isSeen(mark) ? [] : [[stage, mark.why]];
  });
  return {
    trigger: step.trigger,
    direction: step.direction,
    stepAtMs: rounded(step.atMs),
    signalAtMs: at('signal'),
    decidedAtMs: at('decided'),
    startedAtMs: at('started'),
    readyAtMs: at('ready'),
    firstServedAtMs: at('served'),
    restoredAtMs: at('restored'),
    intervals: Object.fromEntries(seen),
    missing: Object.fromEntries(unseen),
    broken,
    isNeeded,
  };
}

/** Cost of the load phase; undefined where nothing has a price, or nothing completed. */
export function costResult(run: RunFacts, endMs: number): CostResult | undefined {
  const cost = costOf(run.plan, run.events, 0, endMs);
  if (!cost) return undefined;
  const completed = run.records.filter(({ scheduledMs, outcome }) => scheduledMs >= 0 && outcome === 'ok');
  if (completed.length === 0) return undefined;
  const tokens = completed.reduce(
    (sum, { promptTokens, usedPromptTokens = promptTokens, outputTokens }) => sum + usedPromptTokens + outputTokens,
    0,
  );
  return {
    dollars: rounded(cost.dollars, 6),
    instances: rounded(cost.instances),
    source: cost.source,
    per1000Requests: rounded((cost.dollars * 1000) / completed.length, 6),
    perMillionTokens: tokens === 0 ? null : rounded((cost.dollars * 1e6) / tokens, 6),
  };
}

/** Decisions as they are listed: those that changed the number, and in between those that kept it, one for all in a row that proposed the same. */
export function decisionRows({ events }: Pick<RunFacts, 'events'>): DecisionRow[] {
  const rows: DecisionRow[] = [];
  for (const { atMs, current, proposal, desired, reason } of decisionEvents(events)) {
    const last = rows.at(-1);
    const isKept = desired === current;
    if (isKept && last?.kept !== undefined && last.current === current && last.proposal === proposal)
      rows[rows.length - 1] = { ...last, kept: last.kept + 1 };
    else rows.push({ atMs: rounded(atMs), current, proposal, desired, reason, ...(isKept && { kept: 1 }) });
  }
  return rows;
}

/** Desired, existing and ready replicas at the end of each slot; undefined where nothing scales. */
export function replicaSeries(run: RunFacts, count: number, slotMs: number): ReplicaSeries | undefined {
  if (!isScaled(run)) return undefined;
  const endMs = count * slotMs;
  const existing = replicaLevels(run.events, EXISTING, 0, endMs);
  const sampled = (levels: readonly Level[]) => {
    let next = 0;
    return Array.from({ length: count }, (_, slot) => {
      while (next < levels.length - 1 && levels[next]!.toMs < (slot + 1) * slotMs) next += 1;
      return levels[next]?.count ?? 0;
    });
  };
  return {
    desired: sampled(desiredLevels(run.events, existing[0]?.count ?? 0, 0, endMs)),
    existing: sampled(existing),
    ready: sampled(replicaLevels(run.events, READY, 0, endMs)),
  };
}
