import { createLogUpdate } from 'log-update';
import { formatMs } from '../../harness/quantity.ts';
import {
  describeSchedule,
  type Exploration,
  type ExploreOptions,
  type Finding,
} from '../../scenarios/explore/explore.ts';
import type { SloTally } from '../../scenarios/explore/tally.ts';
import { quoted } from '../../scenarios/quoted.ts';
import { counted, paint, say, shown } from '../terminal.ts';

/** How a found scenario ran again. */
export interface Replay {
  readonly platform: string;
  readonly verdict: string;
  /** Whether it failed as it was found to; absent where a run does not show that: it is judged by SLOs alone. */
  readonly fails?: boolean;
  readonly reason: string;
  /** Run directory; absent if the run crashed. */
  readonly directory?: string;
}

/** A finding with what was kept of it. */
export interface Kept extends Finding {
  /** Scenario file. */
  readonly file: string;
  readonly replay?: Replay;
  readonly confirmed?: Replay;
}

const LINE_INTERVAL_MS = 10_000;
const LIVE_INTERVAL_MS = 250;

/** A progress display; disposing clears the live part. */
export interface ExploreProgress extends Disposable {
  readonly show: NonNullable<ExploreOptions['onProgress']>;
  readonly found: NonNullable<ExploreOptions['onFinding']>;
}

/** Shows how an exploration stands: in place on a terminal, otherwise one line every ten seconds; and each finding once. */
export function startExploreProgress(stream: NodeJS.WriteStream, runs: number): ExploreProgress {
  const live = Boolean(stream.isTTY) && !process.env.CI;
  const update = live ? createLogUpdate(stream) : undefined;
  const startedMs = performance.now();
  let shownMs = Number.NEGATIVE_INFINITY;
  return {
    found(finding) {
      update?.clear();
      say(stream, findingLine(finding));
    },
    show(exploration, now) {
      const nowMs = performance.now();
      if (nowMs - shownMs < (live ? LIVE_INTERVAL_MS : LINE_INTERVAL_MS)) return;
      shownMs = nowMs;
      const line = statusLine(exploration(), runs, nowMs - startedMs) + (now && paint('dim', ` · ${now}`));
      if (update) update(shown(line));
      else say(stream, line);
    },
    [Symbol.dispose]() {
      update?.clear();
      update?.done();
    },
  };
}

function statusLine(
  { from, next, findings, coverage, runs: tried }: Exploration,
  runs: number,
  wallMs: number,
): string {
  return [
    `${next - from} of ${runs} schedules`,
    `${Math.round((60_000 * tried) / wallMs)} a minute`,
    counted(findings.length, 'finding'),
    `${coverage.covered} of ${coverage.possible} pairs (${percent(coverage.covered, coverage.possible)})`,
  ].join(' · ');
}

function findingLine({ failure, index, smallest }: Finding): string {
  return `${paint('red', `found ${failure.kind} ${failure.name}`)}  schedule ${index}: ${describeSchedule(smallest)}`;
}

/** What {@link summaryLines} shows beside the result. */
export interface SummaryContext {
  readonly wallMs: number;
  /** The scenario as the user named it. */
  readonly name: string;
  readonly directory: string;
  readonly seed: number;
  /** Whether it has a `chaos` section; without one it was run once. */
  readonly hasChaos: boolean;
}

/** The summary of an exploration, for {@link say}. */
export function summaryLines(exploration: Exploration, findings: readonly Kept[], context: SummaryContext): string[] {
  const { from, next, obstacle, interrupted, coverage, slos, unjudged, failed, requests, virtualMs, cpuMs, runs } =
    exploration;
  const { wallMs, name, directory, seed, hasChaos } = context;
  if (!hasChaos) {
    const verdict = obstacle === undefined ? paint('green', 'passes') : `${paint('red', 'does not pass')}: ${obstacle}`;
    return [
      '',
      `${name} has no \`chaos\` section to explore (docs/explore.md). As it is, by its SLOs and the invariants it ${verdict}`,
    ];
  }
  if (obstacle !== undefined)
    return ['', `Nothing was explored, since ${name} does not pass without random faults: ${obstacle}`];
  const perMinute = Math.round((60_000 * runs) / Math.max(1, wallMs));
  const { covered, possible, newInLastQuarter, overTime } = coverage;
  const quarters = [0.25, 0.5, 0.75, 1].map(part => overTime[Math.ceil(part * overTime.length) - 1]?.[1] ?? 0);
  const goOn = `npx squall explore ${quoted(name)} --seed ${seed} --from ${next}`;
  return [
    '',
    `${paint('bold', 'schedules')}  ${next - from} (index ${from} to ${next - 1} of seed ${seed}), ${failed} failed; ${requests} requests in ${formatMs(virtualMs)} of virtual time`,
    `${paint('bold', 'speed')}      ${runs} runs in ${formatMs(wallMs)}, ${perMinute} a minute; ${formatMs(cpuMs / Math.max(1, runs))} of processor time each`,
    `${paint('bold', 'coverage')}   ${covered} of ${possible} pairs of faults (${percent(covered, possible)}); ${quarters.join(', ')} after each quarter of the schedules, so ${newInLastQuarter} new in the last`,
    ...slos.map(sloLine),
    ...unjudged.map(
      ({ schedules, index, example }) =>
        `${paint('yellow', 'not judged')} ${counted(schedules, 'schedule')}, such as ${index}: ${example}`,
    ),
    ...findings.flatMap(findingLines),
    ...(findings.length === 0 ? [paint('green', 'nothing found')] : []),
    `${paint('bold', 'result')}     ${directory}/explore.json`,
    `${interrupted ? 'interrupted; ' : ''}go on with: ${goOn}`,
  ];
}

function sloLine({ name, pass, fail, inconclusive, worst, unit, worstAt }: SloTally): string {
  const sign = fail > 0 ? paint('red', '✗') : paint('green', '✓');
  const counts = [
    `${pass} pass`,
    ...(fail > 0 ? [`${fail} fail`] : []),
    ...(inconclusive > 0 ? [`${inconclusive} inconclusive`] : []),
  ];
  const measured = worst === null ? '' : `; worst ${formatMeasured(worst, unit)} in schedule ${worstAt}`;
  return `${sign} ${name}: ${counts.join(', ')}${measured}`;
}

function formatMeasured(value: number, unit: string): string {
  return unit === 'ms' ? formatMs(value) : `${Number(value.toPrecision(3))} ${unit}`;
}

function findingLines(finding: Kept): string[] {
  const { failure, smallest, original, index, tries, isMinimal, seenAt, file, replay, confirmed } = finding;
  const size = `${counted(original.faults.length, 'fault')} → ${smallest.faults.length} in ${counted(tries, 'run')}${isMinimal ? '' : ', perhaps not the smallest'}`;
  return [
    `${paint('red', '✗')} ${failure.kind} ${paint('bold', failure.name)}: ${failure.message}`,
    `    ${describeSchedule(smallest)}`,
    `    schedule ${index} (${size}); seen in ${counted(seenAt.length, 'schedule')}`,
    ...[replay, confirmed].flatMap(again => (again ? [`    ${replayText(again)}`] : [])),
    `    npx squall run ${quoted(file)} --platform virtual`,
  ];
}

function replayText({ platform, verdict, fails, reason, directory }: Replay): string {
  const how = platform === 'virtual' ? 'in virtual time' : `in real time (${platform})`;
  const same =
    fails === undefined ? 'which SLOs do not show' : fails ? 'it fails there, too' : 'it does not fail so there';
  return `${how}: ${verdict}, ${same}${fails ? '' : `: ${reason}`}${directory === undefined ? '' : `  ${directory}`}`;
}

function percent(part: number, whole: number): string {
  return `${Math.round((100 * part) / Math.max(1, whole))} %`;
}
