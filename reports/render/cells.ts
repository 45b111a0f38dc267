import { failureText } from '../../harness/failure-text.ts';
import type { RunPlan } from '../../harness/plan.ts';
import { formatMs } from '../../harness/quantity.ts';
import type { LoadNote } from '../../harness/requests.ts';
import { formatPercent } from '../rounding.ts';
import type { CostResult, ScalingResult } from '../store/elasticity-results.ts';
import type { RunDocument, SloResult, Verdict, WindowResult } from '../store/run-document.ts';

/** Stages of a scaling reaction, with their field in a document, in order. */
export const SCALING_STAGES = [
  ['signal', 'signalAtMs'],
  ['decided', 'decidedAtMs'],
  ['started', 'startedAtMs'],
  ['ready', 'readyAtMs'],
  ['served', 'firstServedAtMs'],
  ['restored', 'restoredAtMs'],
] as const;

/** Course of a scaling reaction, as times since its step: `signal 3 s, decided 3 s, restored not observed`. */
export function formatReaction(reaction: ScalingResult): string {
  if (!reaction.isNeeded) return 'no other number of replicas was called for';
  const stages = reaction.direction === 'up' ? SCALING_STAGES : SCALING_STAGES.slice(0, 2);
  return stages
    .map(([name, key]) => {
      const atMs = reaction[key];
      return `${name} ${atMs === null ? 'not observed' : formatMs(atMs - reaction.stepAtMs)}`;
    })
    .join(', ');
}

/** Cost of a run: `0.0909 $ (4.74 replicas at 3 $/h on average): 0.147 $ per 1,000 requests, 2.23 $ per million tokens`. */
export function formatCost({ dollars, per1000Requests, perMillionTokens, instances, source }: CostResult): string {
  const amount = (value: number) => `${Number(value.toPrecision(3))} $`;
  const tokens = perMillionTokens === null ? '' : `, ${amount(perMillionTokens)} per million tokens`;
  return `${amount(dollars)} for ${Number(instances.toPrecision(3))} ${source}: ${amount(per1000Requests)} per 1,000 requests${tokens}`;
}

/** Value with its unit, three significant digits: `412 ms`, `0.98%`, `19.8/s`; a dash for null. */
export function formatValue(value: number | null, unit: string): string {
  if (value === null) return '–';
  if (unit === 'ms') return formatMs(value);
  return `${Number(value.toPrecision(unit === '%' && value > 99 ? 5 : 3))}${unit === '$' ? ' $' : unit}`;
}

/**
 * Measured value of an SLO, and that of the requests that have one where others count as slower than every other: `412 ms (380 ms of
 * those with a first token)`, `no first token (47 ms of …)`; a dash where nothing was measured.
 */
export function formatMeasured(slo: SloResult): string {
  const beside = formatSurvivors(slo);
  return `${isBeyond(slo) ?? formatValue(slo.measured, slo.unit)}${beside === '' ? '' : ` (${beside})`}`;
}

/** What a measured value that is beyond every other stands for, such as `no first token`; null for any other. */
export function isBeyond({ infinite = [], survivors }: SloResult): string | null {
  return infinite.includes('measured') ? `no ${survivors?.lacking ?? 'value'}` : null;
}

/** Value of the requests that have one, `47 ms of those with a first token`; empty where all have one, or none. */
export function formatSurvivors({ survivors, unit }: SloResult): string {
  if (!survivors || survivors.measured === null) return '';
  return `${formatValue(survivors.measured, unit)} of those with a ${survivors.lacking}`;
}

/** Confidence interval of an SLO; `∞` where no finite bound exists, a dash where nothing was measured. */
export function formatInterval({ confidence: { lower, upper }, measured, unit, infinite = [] }: SloResult): string {
  if (measured === null && infinite.length === 0) return '–';
  const from = infinite.includes('lower') ? '∞' : '−∞';
  return `${lower === null ? from : formatValue(lower, unit)} … ${upper === null ? '∞' : formatValue(upper, unit)}`;
}

/** Failures of a window by kind, most frequent first: `reset 7, http-503 2`; empty for none. */
export function formatErrors({ errors }: WindowResult): string {
  const kinds = Object.entries(errors).sort(([, a], [, b]) => b - a);
  return kinds.map(([kind, count]) => `${kind} ${count}`).join(', ');
}

/** Counts that only some runs have, `, 12 abandoned, 640 attempts`; empty for others. */
export function formatOptionalCounts({ abandoned, attempts }: RunDocument['load']): string {
  const given = [
    abandoned === undefined ? '' : `, ${abandoned} abandoned`,
    attempts === undefined ? '' : `, ${attempts} attempts`,
  ];
  return given.join('');
}

/** From the start to the end of a run, such as `59 s` or `59 s of virtual time`. */
export function formatRunDuration({ platform, durationMs }: RunDocument): string {
  return `${formatMs(durationMs)}${platform === 'virtual' ? ' of virtual time' : ''}`;
}

/**
 * Requests of the load that the window `whole` does not have, ` (1 after the end of whole)`: generators end their last arrivals, and
 * users their turns, a little after it. Empty where both count the same, or there is no such window.
 */
export function formatLate({ load, windows }: RunDocument): string {
  const late = load.offered - (windows.find(({ name }) => name === 'whole')?.requests ?? load.offered);
  return late > 0 ? ` (${late} after the end of whole)` : '';
}

/** Symbol of each verdict, distinct without colour. */
export const MARKS: Readonly<Record<Verdict, string>> = { pass: '✓', fail: '✗', inconclusive: '?', invalid: '!' };

/**
 * Text on one line: control characters, which include line breaks and escape sequences, and characters that reorder text become
 * spaces.
 */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to remove
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]+/g, ' ');
}

/** Heading of {@link failureNotes}. */
export const FAILURES_TITLE = 'What failed, in the service’s own words';

/** The first failure of each kind, most frequent first; `text` is one line: `404: no model nope here, there is my-model`. */
export function failureNotes({ notes = [] }: RunDocument): (LoadNote & { readonly text: string })[] {
  return notes
    .filter(({ type }) => type === 'failure')
    .sort((a, b) => b.count - a.count)
    .map(note => ({ ...note, text: oneLine(failureText(note)) }));
}

/** Beginning of the warning that says of a run in virtual time what was modelled. */
export const VIRTUAL_TIME = 'Virtual time: ';

/** On top of every report of a run in virtual time: what was modelled, and what was not; undefined in real time. */
export function virtualNote({ platform, warnings }: RunDocument): string | undefined {
  if (platform !== 'virtual') return undefined;
  const note = warnings.find(warning => warning.startsWith(VIRTUAL_TIME));
  return oneLine(note ?? `${VIRTUAL_TIME}compare its milliseconds with those of other virtual runs only.`);
}

/** Warnings of a run, one line each, but for {@link virtualNote}: those of the document, then what clients read over, most frequent first. */
export function warningLines(document: RunDocument): string[] {
  const { warnings, notes = [] } = document;
  const note = virtualNote(document);
  const oddities = notes
    .filter(({ type }) => type === 'oddity')
    .sort((a, b) => b.count - a.count)
    .map(({ example, count }) => `${example}${count > 1 ? ` (${count} times)` : ''}`);
  return [...warnings, ...oddities].map(oneLine).filter(line => line !== note);
}

/** Upstreams of a run: `inference-1 410, inference-2 98 (12 failed)`; empty where none is known. */
export function formatUpstreams({ upstreams = [] }: RunDocument): string {
  return upstreams
    .map(({ name, requests, failed }) => `${name} ${requests}${failed > 0 ? ` (${failed} failed)` : ''}`)
    .join(', ');
}

/** Use of prefix caches: `14312 of 14372 tokens (99.6%)`. */
export function formatCacheUse({ queries, hits }: RunDocument['prefixCache'] & {}): string {
  return `${hits} of ${queries} tokens (${formatPercent(hits, queries)})`;
}

/** Nodes and waiting pods on one line: `gpu 2 nodes, spot 3.4 nodes (2 booted, 1 taken); 1 pod waited or was evicted, inference-5 for 4 s: …`. */
export function formatCapacity({ pools, waiting, waited }: RunDocument['capacity'] & {}): string {
  const nodes = pools.map(({ pool, nodes, booted, taken }) => {
    const changes = [...(booted > 0 ? [`${booted} booted`] : []), ...(taken > 0 ? [`${taken} taken`] : [])].join(', ');
    return `${pool} ${nodes} node${nodes === 1 ? '' : 's'}${changes && ` (${changes})`}`;
  });
  const [first] = waiting;
  const pods = first
    ? `; ${waited} pod${waited === 1 ? '' : 's'} waited or lost their place, ${first.replica} for ${formatMs(first.waitedMs)}: ${first.reason}`
    : '';
  return oneLine(`${nodes.join(', ')}${pods}`);
}

/** Headers of a response on one line: `content-type: text/html, server: nginx`; empty for none. */
export function formatHeaders({ headers = {} }: LoadNote): string {
  const pairs = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return oneLine(pairs.join(', '));
}

/** First unit of a response: plain HTTP has no tokens. */
export function firstUnit({ load }: Pick<RunPlan, 'load'>): 'token' | 'byte' {
  return load.workload.kind === 'http' ? 'byte' : 'token';
}

/** Id and text of a requirement in a plan's `covers`; the text may be empty. */
export function requirementOf(entry: string): { readonly id: string; readonly text: string } {
  const [id = '', ...words] = entry.trim().split(/\s+/);
  return { id, text: words.join(' ') };
}

/** `commit 1a2b3c4d5e on main`. */
export function revisionText({ commit, branch }: NonNullable<RunDocument['revision']>): string {
  return `commit ${commit.slice(0, 10)}${branch === undefined ? '' : ` on ${branch}`}`;
}
