import { describe, expect, it } from 'vitest';
import { notableRequests } from '../../../../reports/judge/figures/notable-requests.ts';
import { renderHtml } from '../../../../reports/render/html/render-html.ts';
import { renderMarkdown } from '../../../../reports/render/markdown.ts';
import { renderTerminal } from '../../../../reports/render/terminal.ts';
import { requestOf } from '../../runs.ts';
import { JUDGED } from './judged-runs.ts';

const STATES = Object.keys(JUDGED);

/** Rectangles of a class in the widest drawing of a chart, by their edges. */
function rects(page: string, chart: string, name: string): { from: number; to: number; height: number }[] {
  const drawing = new RegExp(`id="chart-${chart}".*?<svg class="wide".*?</svg>`, 's').exec(page)?.[0] ?? '';
  const wide = drawing.slice(drawing.lastIndexOf('<svg class="wide"'));
  return [
    ...wide.matchAll(
      new RegExp(`<rect class="${name}[^"]*" x="([\\d.]+)" y="[\\d.]+" width="([\\d.]+)" height="([\\d.]+)"`, 'g'),
    ),
  ].map(([, x, width, height]) => ({ from: Number(x), to: Number(x) + Number(width), height: Number(height) }));
}

const textOf = (page: string, id: string) =>
  new RegExp(`<section id="${id}".*?</section>`, 's').exec(page)?.[0].replaceAll(/<[^>]*>/g, ' ') ?? '';

describe.each(STATES)('the report of a run that ended as: %s', state => {
  const run = JUDGED[state]!();
  const page = renderHtml(run);

  it('has that state', () => {
    const { verdict, interrupted, platform } = run.document;
    expect(state === 'external' ? platform : interrupted ? 'interrupted' : verdict).toBe(state);
  });

  it('draws all failures of a fault inside its band, and no other there', () => {
    const [band] = rects(page, 'errors', 'band');
    const bars = rects(page, 'errors', 'bar');
    expect(bars.length).toBeGreaterThan(3);
    for (const { from, to } of bars) {
      expect(from).toBeGreaterThanOrEqual(band!.from);
      expect(to).toBeLessThanOrEqual(band!.to + 0.1);
    }
    const [kill] = run.document.faults;
    const inBand = run.timeline.failures.filter(
      ({ atMs }) => atMs >= kill!.injectedAtMs! && atMs < (kill!.healedAtMs ?? 60_000),
    );
    expect(inBand.length).toBe(run.document.load.failed);
    // Where the fault has a window, it counts the same requests.
    const window = run.document.windows.find(({ name }) => name === 'fault:kill');
    if (window) expect(inBand.length).toBe(window.failed);
  });

  it('answers what was planned, what happened over time, how it was distributed, where, and to whom', () => {
    expect(textOf(page, 'plan')).toMatch(/steady.*60\ss.*10\/s.*600.*until|steady.*60\ss.*10\/s.*600/s);
    expect(page).toContain('<pre tabindex="0"><code>name: example\nwhy: &lt;b&gt;bold&lt;/b&gt;\n</code></pre>');
    for (const chart of ['ttft', 'latency', 'rate', 'errors', 'flight', 'itl', 'tokens', 'replicas'])
      expect(page).toContain(`id="chart-${chart}"`);
    expect(textOf(page, 'distribution')).toMatch(/Time to first token.*fault|Time to first token.*whole/s);
    expect(textOf(page, 'upstreams')).toMatch(/inference-[12] .*inference-[12] /s);
    expect(textOf(page, 'requests')).toMatch(/squall-run-1-\d+ .*truncated/s);
  });

  it('tells lines that lie on each other apart', () => {
    const drawing = /id="chart-replicas".*?<svg class="wide".*?<\/svg>/s.exec(page)![0];
    const wide = drawing.slice(drawing.lastIndexOf('<svg class="wide"'));
    const lines = [...wide.matchAll(/class="series (look-\d+)" d="M[\d.]+ ([\d.]+)/g)];
    expect(lines).toHaveLength(6);
    expect(new Set(lines.map(([, look]) => look)).size).toBe(6);
    expect(new Set(lines.map(([, , y]) => y)).size).toBe(6);
    const names = [...wide.matchAll(/class="end-label (look-\d+)"[^>]*>([^<]*)</g)].map(([, look, name]) => [
      look,
      name,
    ]);
    expect(names.map(([, name]) => name)).toEqual(['control', 'edge', 'gateway', 'inference', 'prometheus', 'redis']);
    expect(names.map(([look]) => look)).toEqual(lines.map(([, look]) => look));
  });
});

it('puts a request that was in flight when a fault began into its band, although it was scheduled before', () => {
  const { timeline } = JUDGED.pass!();
  const truncated = timeline.failures.filter(({ kind }) => kind === 'truncated');
  expect(truncated.map(({ atMs }) => atMs)).toEqual([19_930, 19_930]);
});

it('says why the load has a request more than the window whole', () => {
  const run = JUDGED.pass!();
  expect(run.document.load.offered).toBe(601);
  expect(run.document.windows.find(({ name }) => name === 'whole')?.requests).toBe(600);
  for (const render of [renderTerminal, renderMarkdown])
    expect(render(run)).toContain('601 offered (1 after the end of whole),');
  expect(renderHtml(run)).toContain('of 601 offered (1 after the end of whole), 0 dropped');
});

it('counts beside each quantile the requests that have no such value', () => {
  const run = JUDGED.pass!();
  const { without } = run.document.windows.find(({ name }) => name === 'fault:kill')!;
  expect(without).toEqual({ ttft: 25, latency: 27 });
  expect(textOf(renderHtml(run), 'windows')).toMatch(
    /none.*fault:kill\s+19.9 – 29.7\ss.*119\sms\s+25\s.*500\sms\s+27\s/s,
  );
  expect(renderTerminal(run)).toMatch(/TTFT P99 {2}without TTFT {2}latency P99/);
  expect(renderMarkdown(run)).toMatch(/TTFT P99 \| Without TTFT \| Latency P99 \| Not complete/);
});

it('lists every kind of failure, and says how many it leaves out', () => {
  const run = JUDGED.pass!();
  expect(run.notable.failed).toHaveLength(27);
  expect(textOf(renderHtml(run), 'requests')).toContain('All failed requests');
  // 90 of one kind come before a single one of another.
  const outcome = (index: number) => (index < 90 ? 'reset' : 'truncated');
  const many = Array.from({ length: 91 }, (_, index) => requestOf(index, index * 10, { outcome: outcome(index) }));
  const notable = notableRequests(many, null);
  expect(notable.failed.map(({ kind }) => kind)).toEqual([...new Array(8).fill('reset'), 'truncated']);
  expect(textOf(renderHtml({ ...run, notable }), 'requests')).toContain(
    '9 of 91 failed requests, the first of each kind',
  );
});

it('draws a percentile curve up to the requests that have no value', () => {
  const { distributions } = JUDGED.pass!();
  const curve = distributions.find(({ metric, window }) => metric === 'latency' && window === 'fault:kill')!;
  expect(curve.without).toBe(27);
  expect(curve.points.at(-1)![0]).toBeCloseTo(curve.having / (curve.having + 27), 9);
  const quantiles = curve.points.map(([q]) => q);
  expect(quantiles).toEqual([...quantiles].sort((a, b) => a - b));
});
