import { formatMs } from '../../../../harness/quantity.ts';
import { checkOf, type Evidence, type Finding, type Objective, undecided, verdictOf } from '../../check.ts';
import { type Reaction, type Span, STAGES, type Stage, spanOf, type Weights } from '../../elasticity/reaction.ts';
import { loadSteps } from '../../elasticity/steps.ts';
import type { Statement } from '../../statement.ts';

interface ScalingObjective extends Objective {
  /** `step`: every step up of the load; `first step`, `fall`; `load:<stage>`, `fault:<id>`. */
  readonly step: string;
  /** As written, such as `decided->ready`. */
  readonly path: string;
  readonly weights: Weights;
}

/** `scaling(step).restored <= 120 s`, `scaling(load:peak).decided->ready <= 90 s`: time of a scaling reaction, or of stages of it. */
export const check = checkOf<ScalingObjective>({
  kind: 'scaling',
  words: ['scaling'],
  hasPath: true,
  parse(statement) {
    const step = statement.required('a step: step, first step, fall, load:<stage> or fault:<id>');
    if (!KINDS.includes(step) && !/^(?:load|fault):./.test(step))
      throw statement.badArgument(step, 'a step after scaling: step, first step, fall, load:<stage> or fault:<id>');
    const weights = weightsIn(statement, step === 'fall');
    return { step, path: statement.path, weights, ...statement.atMost('ms') };
  },
  fault: ({ step }) => (step.startsWith('fault:') ? step.slice('fault:'.length) : undefined),
  impossible({ step }, { load }) {
    const steps = loadSteps(load.ramps);
    const ups = steps.filter(({ direction }) => direction === 'up').map(({ name }) => name);
    if (step.startsWith('load:') && !steps.some(({ name }) => name === step))
      return `a step of the load, which are ${listOf(steps.map(({ name }) => name))}`;
    if ((step === 'step' || step === 'first step') && ups.length === 0)
      return 'on a load that rises by a tenth or more';
    if (step === 'fall' && steps.length === ups.length) return 'on a load that falls by a tenth or more';
    return undefined;
  },
  judge,
});

const KINDS: readonly string[] = ['step', 'first step', 'fall'];

/** Reads `ready`, `decided->ready`, or several of these with `+` between them. */
function weightsIn(statement: Statement, isFall: boolean): Weights {
  const stages: readonly Stage[] = isFall ? ['signal', 'decided'] : STAGES;
  const order: readonly (Stage | 'step')[] = ['step', ...stages];
  if (statement.path === '')
    throw statement.badPath('', `a stage after scaling(…), such as .${stages.at(-1)}: ${stages.join(', ')}`);
  const weights: Partial<Record<Stage | 'step', number>> = {};
  const add = (stage: Stage | 'step', weight: number) => {
    weights[stage] = (weights[stage] ?? 0) + weight;
  };
  for (const span of statement.path.split('+')) {
    const parts = span.split(/->|→/).map(part => part.trim());
    if (parts.length > 2) throw statement.badPath(span.trim(), 'two stages with one arrow, such as decided->ready');
    const to = statement.pathPart(parts.at(-1)!, stages, 'a stage');
    const from = parts.length === 1 ? 'step' : statement.pathPart(parts[0]!, order, 'a stage');
    if (order.indexOf(from) >= order.indexOf(to))
      throw statement.badPath(span.trim(), `an earlier and a later stage of ${order.join(', ')}`);
    add(from, -1);
    add(to, 1);
  }
  return weights;
}

/**
 * The slowest of the reactions that an objective is about, in production time: what `timeScale` shortened is multiplied by it. Bounds
 * are those of the observations, see `reaction.ts`; a stage that was not observed has no upper one, and as its lower one the time
 * until which it had not happened. Only steps that begin in the window count; and, but for `restored`, only those that called for
 * more replicas, since to the others there is nothing to react.
 */
function judge(objective: ScalingObjective, { window, run }: Evidence): Finding {
  const begun = run.reactions().filter(({ step }) => step.atMs >= window.fromMs && step.atMs < window.toMs);
  const chosen = chosenOf(objective, begun);
  if (chosen.length === 0) return undecided('inconclusive', `No such step began in ${window.name}.`);
  const needsReaction = Object.keys(objective.weights).some(stage => stage !== 'step' && stage !== 'restored');
  const needed = chosen.filter(({ isNeeded }) => isNeeded || !needsReaction);
  if (needed.length === 0) {
    const { step, marks } = chosen[0]!;
    const why = 'why' in marks.signal ? ` (${marks.signal.why})` : '';
    return undecided('inconclusive', `No step called for another number of replicas, such as ${step.trigger}${why}.`);
  }
  const { timeScale } = run.plan;
  const scaled = (ms: number | null) => (ms === null ? null : ms * timeScale);
  const found = needed.map(reaction => {
    const span = spanOf(reaction, objective.weights);
    const bounds = { lower: scaled(span.lowerMs), upper: scaled(span.upperMs) };
    return { reaction, span, ...bounds, measured: scaled(span.measuredMs), verdict: verdictOf(objective, bounds) };
  });
  const rank = { fail: 0, inconclusive: 1, pass: 2 };
  const worst = found.reduce((a, b) => {
    if (rank[a.verdict] !== rank[b.verdict]) return rank[a.verdict] < rank[b.verdict] ? a : b;
    return (a.measured ?? a.lower ?? 0) >= (b.measured ?? b.lower ?? 0) ? a : b;
  });
  const { measured, lower, upper, verdict } = worst;
  const reason = reasonOf(objective, worst.reaction, worst.span, timeScale, needed.length);
  return { measured, lower, upper, samples: needed.length, verdict, reason };
}

function chosenOf({ step: which }: ScalingObjective, reactions: readonly Reaction[]): readonly Reaction[] {
  const isOfLoad = ({ step }: Reaction) => step.name.startsWith('load:');
  const ups = reactions.filter(reaction => isOfLoad(reaction) && reaction.step.direction === 'up');
  if (which === 'step') return ups;
  if (which === 'first step') return ups.slice(0, 1);
  if (which === 'fall') return reactions.filter(({ step }) => step.direction === 'down');
  return reactions.filter(({ step }) => step.name === which);
}

function reasonOf(
  { path, limit }: ScalingObjective,
  { step, broken }: Reaction,
  { measuredMs, lowerMs, why }: Span,
  timeScale: number,
  count: number,
): string {
  const inProduction = (ms: number) =>
    timeScale === 1
      ? formatMs(ms)
      : `${formatMs(ms * timeScale)} in production (${formatMs(ms)} at timeScale ${timeScale})`;
  const which = `${count > 1 ? `The slowest of ${count} reactions, to` : 'The reaction to'} ${step.trigger}`;
  if (measuredMs === null) {
    const until = lowerMs === null ? '' : ` At least ${inProduction(lowerMs)} had passed.`;
    return `${which}: ${why}.${until}`;
  }
  const hasHeld = path === 'restored' && broken.length === 0;
  if (hasHeld) return `${which}: the step broke no objective.`;
  const broke = broken.length > 0 ? `; the step broke ${broken.join(' and ')}` : '';
  return `${which} took ${inProduction(measuredMs)} to ${path}, the limit is ${formatMs(limit)}${broke}.`;
}

function listOf(names: readonly string[]): string {
  return names.length === 0 ? 'none' : [...new Set(names)].join(', ');
}
