import type { RunEnvironment } from '../../harness/history.ts';
import type { RunPlan } from '../../harness/plan.ts';
import { seededRandom } from '../../harness/random.ts';
import type { TuneCandidate, TuneChange, TuneDocument, TunePoint } from '../../reports/store/tune-document.ts';
import { readManifest } from '../../stack/autoscaler/manifest.ts';
import { type EvidenceContext, evidenceOf, type Pairs, savingOf } from './evidence.ts';
import { editedText, type HpaFile } from './hpa-file.ts';
import type { Instance } from './ledger.ts';
import { outcomeOf } from './outcome.ts';
import { Pace } from './pace.ts';
import { keyOf, type Point } from './proposals.ts';
import { type TuneRun, trialOf } from './run-once.ts';
import { type Confirmation, type Found, search } from './search.ts';
import { type Dimension, type Edit, edited } from './space.ts';

/** Options of {@link tune}. */
export interface TuneOptions {
  readonly file: HpaFile;
  readonly dimensions: readonly Dimension[];
  /** Plans of the scenarios, with the user's own file. */
  readonly plans: readonly RunPlan[];
  /** First of the training seeds; held-out ones follow them. */
  readonly seed: number;
  readonly trainingSeeds: number;
  readonly heldOutSeeds: number;
  readonly maxRounds: number;
  readonly budgetMs: number;
  /** Time since the search began, in ms. */
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
  readonly environment: RunEnvironment;
  readonly replay: string;
  /** Command that runs the first scenario with a file. */
  readonly runWith: (file: string) => string;
  /** Name of the tuned file. */
  readonly yaml: string;
  /** Runs a scenario, by its index, with an HPA. @throws the reason of the signal on abort, and an error that ends the search */
  readonly run: (scenario: number, hpa: Readonly<Record<string, unknown>>, seed: number) => Promise<TuneRun>;
  readonly onCandidates?: (candidates: readonly TuneCandidate[]) => void;
  readonly onConfirmation?: (changes: readonly TuneChange[], confirmation: Confirmation) => void;
}

/** A finished search: its document, and the text of the tuned file where one was found. */
export interface Tuned {
  readonly document: TuneDocument;
  readonly yaml?: string;
}

/**
 * Searches an HPA that is cheaper than a user's own, or the first that meets the SLOs of the scenarios.
 * @returns as far as it got, also on abort
 * @throws the first error of a run
 */
export async function tune(options: TuneOptions): Promise<Tuned> {
  const { file, dimensions, plans, seed, trainingSeeds, heldOutSeeds, budgetMs, nowMs } = options;
  const runs = new Map<string, TuneRun>();
  const pace = new Pace(nowMs, budgetMs);
  const run = async (point: Point, { shape, seed: own }: Instance) => {
    const ended = await options.run(shape, edited(file.document, editsOf(dimensions, point)), own);
    runs.set(`${keyOf(point)} ${shape} ${own}`, ended);
    pace.ended();
    return trialOf(ended);
  };
  const instances = (from: number, count: number): Instance[] =>
    Array.from({ length: count }, (_, index) => (seed + from + index) % 2 ** 32).flatMap(own =>
      plans.map((_, shape) => ({ shape, seed: own })),
    );
  const found = await search({
    axes: dimensions.map(({ choices, own }) => ({ size: choices.length, own })),
    isAllowed: point => isValid(edited(file.document, editsOf(dimensions, point))),
    run,
    training: instances(0, trainingSeeds),
    heldOut: nth => instances(trainingSeeds + nth * heldOutSeeds, heldOutSeeds),
    hasTime: (count, later) => pace.hasTime(count, later),
    ...{ maxRounds: options.maxRounds, random: seededRandom(seed).stream('tune'), signal: options.signal },
    onRound: tried => options.onCandidates?.(tried.map(one => candidateOf(dimensions, one))),
    onConfirmation: one => options.onConfirmation?.(changesOf(dimensions, one.point), one),
  });
  return documentOf(options, found, runs, pace.perRunMs);
}

function documentOf(options: TuneOptions, found: Found, runs: ReadonlyMap<string, TuneRun>, perRunMs: number): Tuned {
  const { file, dimensions, plans, environment, replay, runWith, yaml, seed } = options;
  const { training, confirmations, end, rounds, tried } = found;
  const ownPoint = dimensions.map(({ own }) => own);
  const runOf = (point: Point, { shape, seed: own }: Instance) => runs.get(`${keyOf(point)} ${shape} ${own}`);
  const ended = training.flatMap(instance => runOf(found.best, instance) ?? []);
  const isMet = ended.length > 0 && ended.every(({ verdict }) => verdict === 'pass');
  const best = isMet ? found.best : ownPoint;
  const changes = changesOf(dimensions, best);
  const confirmation = confirmations.findLast(({ point }) => keyOf(point) === keyOf(best));
  const phases = [
    { phase: 'training', instances: training },
    { phase: 'held-out', instances: confirmation?.instances ?? [] },
  ] as const;
  const pairs = phases.flatMap(({ phase, instances }) =>
    plans.flatMap((plan, shape): Pairs[] => {
      const paired = instances.flatMap(instance => {
        const [own, tuned] = [runOf(ownPoint, instance), runOf(best, instance)];
        if (instance.shape !== shape || !own || !tuned) return [];
        return [{ own, tuned: changes.length === 0 ? null : tuned }];
      });
      return paired.length === 0 ? [] : [{ plan, phase, runs: paired }];
    }),
  );
  const context: EvidenceContext = {
    ...{ ...environment, replay, interrupted: end === 'interrupted' },
    files: { own: file.source, tuned: yaml },
  };
  const result = {
    ...{ file: file.source, end, changes, rounds },
    evidence: pairs.map(each => evidenceOf(each, context)),
    saving: {
      training: savingOf(pairs.filter(({ phase }) => phase === 'training')),
      heldOut: savingOf(pairs.filter(({ phase }) => phase === 'held-out')),
    },
    confirmations: confirmations.map(({ point, instances, outcome, reason }) => ({
      ...{ changes: changesOf(dimensions, point), outcome, reason },
      seeds: [...new Set(instances.map(one => one.seed))],
    })),
  };
  const isFound = changes.length > 0;
  const neededRuns = 2 * plans.length * (options.trainingSeeds + options.heldOutSeeds);
  const document: TuneDocument = {
    schema: 1,
    ...{ id: environment.id, scenarios: plans.map(({ scenario }) => scenario), seed },
    ...{ startedAt: environment.startedAt, wallMs: Math.round(options.nowMs()) },
    ...{ ...result, ...outcomeOf({ ...result, perRunMs, neededRuns }), runs: runs.size },
    tried: tried.map(one => candidateOf(dimensions, one)),
    points: pointsOf(ownPoint, best, runs),
    fields: dimensions.map(({ name, choices }) => ({ field: name, values: choices.length })),
    ...{ replay, runOwn: runWith(file.source) },
    ...(isFound && { yaml, runTuned: runWith(yaml) }),
  };
  return {
    document,
    ...(isFound && { yaml: editedText(file, editsOf(dimensions, best), commentOf(document, environment)) }),
  };
}

/** All points that ran, by the runs that they and the user's own have in common. @param runs by key: that of the point, scenario and seed */
function pointsOf(own: Point, best: Point, runs: ReadonlyMap<string, TuneRun>): TunePoint[] {
  const byPoint = new Map<string, [TuneRun, TuneRun][]>();
  for (const [key, run] of runs) {
    const words = key.split(' ');
    const point = words.slice(0, -2).join(' ');
    const ofOwn = runs.get([keyOf(own), ...words.slice(-2)].join(' '));
    if (ofOwn) byPoint.set(point, [...(byPoint.get(point) ?? []), [run, ofOwn]]);
  }
  const mean = (values: readonly (number | null)[]) =>
    values.some(value => value === null || !Number.isFinite(value))
      ? null
      : values.reduce<number>((sum, value) => sum + value!, 0) / values.length;
  return [...byPoint].map(([point, pairs]) => ({
    file: point === keyOf(own) ? 'own' : point === keyOf(best) ? 'tuned' : 'other',
    met: pairs.every(([{ verdict }]) => verdict === 'pass'),
    costRatio: mean(pairs.map(([run, ofOwn]) => (trialOf(run).cost ?? Number.NaN) / (trialOf(ofOwn).cost || 1))),
    ttftP99Ms: mean(pairs.map(([{ figures }]) => figures.ttftP99)),
  }));
}

/** What stands in front of the tuned file. */
function commentOf(document: TuneDocument, { versions }: RunEnvironment): string[] {
  const { outcome, answer, reasons, changes, evidence, replay, startedAt, runs, file } = document;
  const title = outcome === 'better' ? 'Tuned' : 'NOT CONFIRMED: tuned';
  return [
    `${title} from ${file} by squall ${versions.squall} tune on ${startedAt.slice(0, 10)}, in ${runs} runs in virtual time.`,
    `Result: ${answer}.`,
    ...reasons,
    ...changes.map(({ field, own, tuned }) => `  ${field}: ${own} -> ${tuned}`),
    ...evidence.map(evidenceLine),
    `Repeat: ${replay}`,
  ];
}

function evidenceLine({ scenario, phase, comparison, own, tuned, costUnit }: TuneDocument['evidence'][number]): string {
  const seeds = comparison.seeds;
  const side = (one: typeof own) =>
    `${one.cost ? `${Number(one.cost.mean.toPrecision(3))} ${costUnit}` : 'no cost'}, SLOs met in ${one.met} of ${one.runs}`;
  return `  ${scenario}, ${phase} seeds ${seeds.join(' ')}: yours ${side(own)}; tuned ${tuned ? side(tuned) : 'not run'}`;
}

function isValid(document: unknown): boolean {
  try {
    readManifest(document, true);
    return true;
  } catch {
    return false;
  }
}

function editsOf(dimensions: readonly Dimension[], point: Point): Edit[] {
  return dimensions.flatMap(({ choices }, index) => choices[point[index]!]!.edits);
}

function changesOf(dimensions: readonly Dimension[], point: Point): TuneChange[] {
  return dimensions.flatMap(({ name, choices, own }, index) =>
    point[index] === own ? [] : [{ field: name, own: choices[own]!.text, tuned: choices[point[index]!]!.text }],
  );
}

function candidateOf(dimensions: readonly Dimension[], { point, ...rest }: Found['tried'][number]): TuneCandidate {
  return { ...rest, changes: changesOf(dimensions, point) };
}
