import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RenderInput } from '../../store/run-document.ts';
import { firstUnit } from '../cells.ts';
import { banner } from './banner.ts';
import { distributionSection } from './charts/percentile-chart.ts';
import { timelineSection } from './charts/timeline-section.ts';
import { eventLog } from './event-log.ts';
import { faultsTable } from './faults-table.ts';
import { type Content, type Html, html, trusted } from './html.ts';
import { planSection } from './plan/plan-section.ts';
import { requestsSection } from './requests/requests-table.ts';
import { upstreamsTable } from './requests/upstreams-table.ts';
import { responsesSection } from './responses.ts';
import { runSection, validitySection } from './run-facts.ts';
import { scalingTable } from './scaling-table.ts';
import { sloTable } from './slo-table.ts';
import { STATUS_LABELS, statusOf } from './verdict-sign.ts';
import { windowsTable } from './windows-table.ts';

/** Style sheets; later ones override earlier ones. */
const STYLE = ['theme', 'page', 'verdict', 'tables', 'charts', 'widths', 'print']
  .map(part => readFileSync(new URL(`style/${part}.css`, import.meta.url), 'utf8'))
  .join('\n');
const SCRIPT = readFileSync(new URL('client.js', import.meta.url), 'utf8');

/** Content security policy: nothing is loaded, and only the inlined style and script are allowed, by their hashes. */
const POLICY = [
  "default-src 'none'",
  `style-src ${sourceHash(STYLE)}`,
  `script-src ${sourceHash(SCRIPT)}`,
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

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
  const sections: (readonly [id: string, title: string, body: Html, nav?: string])[] = [
    ['slos', 'SLOs', sloTable(document.slos)],
    ...(responses ? [['responses', responses.title, responses.body, 'Responses'] as const] : []),
    ['timeline', 'Timeline', timelineSection(input)],
    ...(distribution ? [['distribution', 'Distribution', distribution] as const] : []),
    ['windows', 'Windows', windowsTable(document.windows, firstUnit(input.plan))],
    ...(document.upstreams
      ? [['upstreams', 'Upstreams', upstreamsTable(document.upstreams, document.load, firstUnit(input.plan))] as const]
      : []),
    ...(requests ? [['requests', 'Requests', requests] as const] : []),
    ['faults', 'Faults', faultsTable(document.faults)],
    ...(document.scaling ? [['scaling', 'Scaling', scalingTable(document.scaling)] as const] : []),
    ['plan', 'Plan', planSection(input.plan)],
    ['events', 'Events', eventLog(input.events)],
    ['validity', 'Are these figures valid?', validitySection(input), 'Validity'],
    ['run', 'Run', runSection(input)],
  ];
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${STATUS_LABELS[statusOf(document)]}: ${document.scenario} – Squall</title>
<link rel="icon" href="data:,">
<style>${trusted(STYLE)}</style>
</head>
<body>
<div class="top"><span class="brand">Squall</span><nav aria-label="Sections">${sections.map(([id, title, , nav = title]) => html`<a href="#${id}">${nav}</a>`)}</nav>${themeChoice()}</div>
<main>
${banner(input)}
${sections.map(([id, title, body]) => section(id, title, body))}
</main>
<script>${trusted(SCRIPT)}</script>
</body>
</html>
`;
  return page.markup;
}

function section(id: string, title: string, body: Content): Html {
  return html`<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>
${body}
</section>`;
}

/** Theme selector, which works by CSS alone; the script only stores the choice. */
function themeChoice(): Html {
  const choices = [
    ['auto', 'Auto'],
    ['light', 'Light'],
    ['dark', 'Dark'],
  ];
  return html`<fieldset class="theme"><legend>Theme</legend>${choices.map(([value, word]) => html`<label><input type="radio" name="theme" id="theme-${value}" value="${value}"${value === 'auto' && html` checked`}><span>${word}</span></label>`)}</fieldset>`;
}

function sourceHash(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
