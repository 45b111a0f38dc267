import type { RenderInput } from '../../../store/run-document.ts';
import { firstUnit } from '../../cells.ts';
import { quantity } from '../format.ts';
import { type Html, html } from '../html.ts';
import { columnsOf, timelineTable } from '../timeline-table.ts';
import type { TimeAxis } from './chart.ts';
import { chartLimits } from './chart-limits.ts';
import { failureBars } from './failure-bars.ts';
import { faultBands } from './fault-bands.ts';
import { figure, PATTERNS } from './figure.ts';
import { thinTimeline } from './thin-timeline.ts';
import { timelineCharts } from './timeline-charts.ts';

/** Charts over one time axis, followed by the same values as a table, which is also the source of the crosshair. */
export function timelineSection(input: RenderInput): Html {
  const timeline = thinTimeline(input.timeline);
  const slots = timeline.offered.length;
  if (slots === 0) return html`<p class="empty">No request was scheduled in this run, so there is nothing to draw.</p>`;
  const endMs = Math.max(
    slots * timeline.slotMs,
    ...input.document.faults.flatMap(fault => [
      fault.injectedAtMs ?? 0,
      fault.effectiveAtMs ?? 0,
      fault.healedAtMs ?? 0,
    ]),
  );
  const axis: TimeAxis = { slotMs: timeline.slotMs, endMs, bands: faultBands(input.document.faults, endMs) };
  const first = firstUnit(input.plan);
  const failures = failureBars(timeline.failures, axis, slots);
  const columns = columnsOf(timeline, failures.series, first);
  const joined = timeline.slotMs > input.timeline.slotMs;
  return html`<p class="hint">Time is relative to the start of the load phase. Shaded: from the injection of a fault to its observed recovery; dashed line: its observed onset.
Each point covers ${quantity(timeline.slotMs, 'ms')}${joined ? ': the highest latency, mean rate, longest queue and fewest replicas of that interval' : ''}.
<span class="scripted" hidden>Hover over a chart, or focus it and use the arrow keys, to read the values at one point in time.</span></p>
${PATTERNS}${timelineCharts(timeline, failures, chartLimits(input), first).map(chart => figure(chart, axis, columns))}
${timelineTable(timeline, columns, axis)}`;
}
