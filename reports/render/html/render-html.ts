import type { RenderInput } from '../../store/run-document.ts';
import { firstUnit } from '../cells.ts';
import { banner } from './banner.ts';
import { distributionSection } from './charts/percentile-chart.ts';
import { timelineSection } from './charts/timeline-section.ts';
import { capacitySection } from './elasticity/capacity-section.ts';
import { eventLog } from './event-log.ts';
import { faultsTable } from './faults-table.ts';
import { renderPage, type Section } from './page.ts';
import { planSection } from './plan/plan-section.ts';
import { requestsSection } from './requests/requests-table.ts';
import { upstreamsTable } from './requests/upstreams-table.ts';
import { responsesSection } from './responses.ts';
import { runSection, validitySection } from './run-facts.ts';
import { scalingSection } from './scaling-table.ts';
import { sloTable } from './slo-table.ts';
import { STATUS_LABELS, statusOf } from './verdict-sign.ts';
import { windowsTable } from './windows-table.ts';

/**
 * Report of a run as one self-contained HTML file: no network, no server, and JavaScript only for the crosshair, the event filter
 * and the copy button. The same input gives the same bytes.
 *
 * Charts are static SVG, drawn for three page widths, so that they work without JavaScript and on paper. Not implemented: zooming;
 * the tables and the event file contain the details.
 */
export function renderHtml(input: RenderInput): string {
  const { document } = input;
  const responses = responsesSection(document);
  const distribution = distributionSection(input);
  const requests = requestsSection(input);
  const sections: Section[] = [
    ['slos', 'SLOs', sloTable(document.slos)],
    ...(responses ? [['responses', responses.title, responses.body, 'Responses'] as const] : []),
    ['timeline', 'Timeline', timelineSection(input)],
    ...(document.scaling
      ? [['scaling', 'Scaling', scalingSection(document, document.scaling, input.decisions)] as const]
      : []),
    ...(distribution ? [['distribution', 'Distribution', distribution] as const] : []),
    ['windows', 'Windows', windowsTable(document.windows, firstUnit(input.plan))],
    ...(document.upstreams
      ? [['upstreams', 'Upstreams', upstreamsTable(document.upstreams, document.load, firstUnit(input.plan))] as const]
      : []),
    ...(requests ? [['requests', 'Requests', requests] as const] : []),
    ['faults', 'Faults', faultsTable(document.faults)],
    ...(document.capacity ? [['capacity', 'Capacity', capacitySection(document.capacity)] as const] : []),
    ['plan', 'Plan', planSection(input.plan)],
    ['events', 'Events', eventLog(input.events)],
    ['validity', 'Are these figures valid?', validitySection(input), 'Validity'],
    ['run', 'Run', runSection(input)],
  ];
  const title = `${STATUS_LABELS[statusOf(document)]}: ${document.scenario}`;
  return renderPage({ title, banner: banner(input), sections });
}
