import type { RunPlan } from '../../harness/plan.ts';
import { formatMs } from '../../harness/quantity.ts';
import type { ScalingResult } from '../store/elasticity-results.ts';
import type { FaultResult, RenderInput, RunDocument, SloResult, WindowResult } from '../store/run-document.ts';
import {
  FAILURES_TITLE,
  failureNotes,
  firstUnit,
  formatCacheUse,
  formatCapacity,
  formatCost,
  formatErrors,
  formatHeaders,
  formatInterval,
  formatLate,
  formatMeasured,
  formatOptionalCounts,
  formatRunDuration,
  formatUpstreams,
  MARKS,
  oneLine,
  requirementOf,
  SCALING_STAGES,
  virtualNote,
  warningLines,
} from './cells.ts';
import { markdownTable, markdownText } from './rows.ts';

/** `summary.md`: verdict and reasons, SLOs with their intervals, windows, faults, and the replay command. */
export function renderMarkdown({ document, plan }: RenderInput): string {
  const { verdict, scenario, load } = document;
  const first = firstUnit(plan) === 'token' ? 'TTFT' : 'TTFB';
  const note = virtualNote(document);
  const sections = [
    `# ${MARKS[verdict]} ${verdict.toUpperCase()}: ${markdownText(scenario)}`,
    note === undefined ? '' : `> ${markdownText(note)}`,
    markdownText(plan.why),
    document.reasons.map(reason => `- ${markdownText(reason)}`).join('\n'),
    coverage(plan),
    failures(document),
    list('Warnings', warningLines(document).map(markdownText)),
    section('SLOs', ['', 'SLO', 'Window', 'Objective', 'Measured', '95% bounds', 'Samples'], document.slos.map(sloRow)),
    section(
      'Windows',
      [
        'Window',
        'From',
        'To',
        'Requests',
        'Failed',
        'Dropped',
        `${first} P50`,
        `${first} P99`,
        `Without ${first}`,
        'Latency P99',
        'Not complete',
        'Errors',
      ],
      document.windows.map(windowRow),
    ),
    section(
      'Faults',
      ['Fault', 'Kind', 'Target', 'Injected', 'Took effect', 'Recovered', 'Evidence'],
      document.faults.map(faultRow),
    ),
    section(
      'Scaling',
      ['Step', 'At', ...SCALING_STAGES.map(([name]) => name), 'Broke'],
      (document.scaling ?? []).map(scalingRow),
    ),
    document.cost ? `Cost: ${markdownText(formatCost(document.cost))}.` : '',
    `Load (${markdownText(load.engine)}): ${load.offered} offered${formatLate(document)}, ${load.sent} sent, ${load.completed} completed, ${load.failed} failed, ${load.dropped} dropped${formatOptionalCounts(load)}; P99 send lateness ${load.lateMsP99 === null ? 'unknown' : time(load.lateMsP99)}.${document.upstreams ? ` Served by ${markdownText(formatUpstreams(document))}.` : ''}${document.prefixCache ? ` Prefix caches of the engines: ${formatCacheUse(document.prefixCache)}.` : ''}`,
    document.capacity ? `Capacity: ${markdownText(formatCapacity(document.capacity))}.` : '',
    footer(document),
  ];
  return `${sections.filter(part => part !== '').join('\n\n')}\n`;
}

function coverage({ covers }: RunPlan): string {
  if (covers.length === 0) return '';
  const rows = covers
    .map(requirementOf)
    .map(({ id, text: words }) => `- **${markdownText(id)}** ${markdownText(words)}`.trimEnd());
  return `Covers, at least in part:\n\n${rows.join('\n')}`;
}

/** Each failure's message; then its body as it came, and who sent it. */
function failures(document: RunDocument): string {
  const lines = failureNotes(document).map(note => {
    const sent = [note.example === '' ? '' : code(note.example), markdownText(formatHeaders(note))].filter(
      part => part !== '',
    );
    return `${markdownText(note.text)} (×${note.count})${sent.map(part => `<br>${part}`).join('')}`;
  });
  return list(FAILURES_TITLE, lines);
}

function list(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `## ${title}\n\n${lines.map(line => `- ${line}`).join('\n')}`;
}

function sloRow(slo: SloResult): string[] {
  const measured = formatMeasured(slo);
  return [MARKS[slo.verdict], slo.name, slo.window, slo.objective, measured, formatInterval(slo), String(slo.samples)];
}

function windowRow(window: WindowResult): string[] {
  return [
    window.name,
    time(window.fromMs),
    time(window.toMs),
    ...[window.requests, window.failed, window.dropped].map(String),
    ...[window.ttftMs.p50, window.ttftMs.p99].map(time),
    String(window.without.ttft),
    time(window.latencyMs.p99),
    String(window.without.latency),
    formatErrors(window),
  ];
}

function faultRow(fault: FaultResult): string[] {
  const times = [fault.injectedAtMs, fault.effectiveAtMs, fault.healedAtMs].map(time);
  return [fault.id, fault.kind, fault.target, ...times, fault.evidence];
}

/** Times since the step. */
function scalingRow(reaction: ScalingResult): string[] {
  const times = SCALING_STAGES.map(([, key]) => reaction[key]).map(ms => (ms === null ? null : ms - reaction.stepAtMs));
  return [reaction.trigger, time(reaction.stepAtMs), ...times.map(time), reaction.broken.join(', ')];
}

function footer(document: RunDocument): string {
  const { id, seed, platform, target, startedAt, replay } = document;
  const fence = '`'.repeat(3);
  const about = `Run ${markdownText(id)} on ${platform}${target === undefined ? '' : ` (${markdownText(target)})`}, seed ${seed}, started ${startedAt}, duration ${formatRunDuration(document)}. Replay with:`;
  return `${about}\n\n${fence}sh\n${oneLine(replay)}\n${fence}`;
}

function section(title: string, heads: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  return `## ${title}\n\n${markdownTable([heads, ...rows])}`;
}

function time(ms: number | null): string {
  return ms === null ? '–' : formatMs(ms);
}

/** Text of a service as code, between more backticks than it contains. */
function code(value: string): string {
  const longest = Math.max(0, ...(value.match(/`+/g) ?? []).map(run => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence} ${oneLine(value)} ${fence}`;
}
