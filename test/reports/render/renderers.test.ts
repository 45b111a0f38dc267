import { expect, test } from 'vitest';
import type { TimedEvent } from '../../../harness/history.ts';
import type { LoadNote } from '../../../harness/requests.ts';
import { judge } from '../../../reports/judge/judge.ts';
import { renderHtml } from '../../../reports/render/html/render-html.ts';
import { escapeXml, renderJunit } from '../../../reports/render/junit.ts';
import { renderMarkdown } from '../../../reports/render/markdown.ts';
import { renderTerminal } from '../../../reports/render/terminal.ts';
import type { RenderInput } from '../../../reports/store/run-document.ts';
import { virtualTime } from '../../../scenarios/virtual-limits.ts';
import { scriptedEvents, scriptedPlan, scriptedRecords } from '../judge/elasticity/scripted.ts';
import { historyOf, KILL, killed, planOf, steadyLoad } from '../runs.ts';
import { NOTES } from './html/noted-run.ts';

const SLOS = [
  { name: 'first token', window: 'whole', objective: 'p99(ttft) <= 800 ms' },
  { name: 'a <nasty> "name" & | more', window: 'fault:kill', objective: 'errors <= 1%' },
  { name: 'rare', window: 'whole', objective: 'p99.9(ttft) <= 1 s' },
];

/** Run with one SLO of each verdict: 10 % of requests fail during the fault, after their first token, and 600 are too few for a P99.9. */
function inputOf(events: readonly TimedEvent[] = killed()): RenderInput {
  const plan = planOf({ slos: SLOS, faults: [KILL] });
  const load = (ms: number, i: number) =>
    ms >= 20_000 && ms < 30_000 && i % 10 === 0 ? ({ outcome: 'truncated', ttftMs: 100 } as const) : {};
  return judge({ events: historyOf(plan, ...events), records: steadyLoad(load) });
}

/** Counts elements and checks that each is closed: a minimal check for well-formed XML. */
function elements(xml: string): Record<string, number> {
  const open: string[] = [];
  const seen: Record<string, number> = {};
  const body = xml.replace(/^<\?xml[^>]*\?>/, '');
  const rest = body.replaceAll(/<(\/?)([a-z-]+)((?: [a-z]+="[^"<]*")*)(\/?)>/g, (_, end, name, _attributes, empty) => {
    if (end) expect(open.pop()).toBe(name);
    else {
      seen[name] = (seen[name] ?? 0) + 1;
      if (!empty) open.push(name);
    }
    return '';
  });
  expect(open).toEqual([]);
  expect(rest).not.toMatch(/[<]|&(?!amp;|lt;|gt;|quot;|#10;)/);
  return seen;
}

test('plain HTTP has no tokens: reports show the time to first byte, and draw the latency', () => {
  const run = inputOf();
  const workload = {
    kind: 'http',
    name: 'http',
    model: '',
    method: 'GET',
    path: '/',
    headers: {},
    body: '',
    expect: { status: [], bodyContains: null, maxBytes: 1e6 },
  } as const;
  const plain = { ...run, plan: { ...run.plan, load: { ...run.plan.load, workload } } };
  for (const render of [renderTerminal, renderMarkdown, renderHtml]) {
    const [chat, http] = [render(run), render(plain)];
    expect(chat).toMatch(/TTFT P50|Time to first token/);
    expect(http).not.toMatch(/TTFT|[Tt]ime to first token/);
    expect(http).toMatch(/TTFB P50|Time to first byte/);
  }
  expect(renderTerminal(plain)).toMatch(/latency P99/);
  expect(renderHtml(plain)).toContain('id="chart-latency"');
  const judged = changedSlo(run, 'p99(latency) <= 900 ms');
  expect(renderHtml(judged)).toMatch(/id="chart-latency".*P99 limit 900\u00a0ms, whole/s);
});

/** The same run with another objective in its first SLO. */
function changedSlo(run: RenderInput, objective: string): RenderInput {
  const [first, ...slos] = run.document.slos;
  return { ...run, document: { ...run.document, slos: [{ ...first!, objective }, ...slos] } };
}

test('what a scenario covers is named by id, with its text where there is one', () => {
  const run = inputOf();
  const covering = { ...run, plan: { ...run.plan, covers: ['A2.5 Retries: at most <3>.', 'OWN-7'] } };
  expect(renderMarkdown(covering)).toContain('\n\n- **A2.5** Retries: at most \\<3>.\n- **OWN-7**\n\n');
  const page = renderHtml(covering);
  expect(page).toContain('<summary>Covers A2.5, OWN-7</summary>');
  expect(page).toContain('<li><b>A2.5</b> Retries: at most &lt;3&gt;.</li><li><b>OWN-7</b> </li>');
  for (const render of [renderMarkdown, renderHtml]) expect(render(run)).not.toContain('Covers');
});

test('scaling is told of where something scaled, and is not there otherwise', () => {
  const run = inputOf();
  expect(run.document).not.toHaveProperty('scaling');
  expect(renderHtml(run)).not.toContain('id="scaling"');
  const plan = scriptedPlan();
  const scaled = judge({ events: scriptedEvents(plan), records: scriptedRecords() });
  expect(renderTerminal(scaled)).toContain(
    '  scaling after load:peak, 10/s to 40/s: signal 11 s, decided 30 s, started 30 s, ready 60 s, served 61.3 s, restored 72.1 s\n',
  );
  expect(renderTerminal(scaled)).toContain('cost 1.07 $ for 3.55 replicas at 3.6 $/h: 0.355 $ per 1,000 requests');
  expect(renderMarkdown(scaled)).toContain(
    '| load:peak, 10/s to 40/s | 60 s | 11 s | 30 s | 30 s | 60 s | 61.3 s | 72.1 s | p99(ttft) <= 500 ms |'.replaceAll(
      '<',
      '\\<',
    ),
  );
  const page = renderHtml(scaled);
  for (const text of ['broke p99(ttft) &lt;= 500 ms', 'from 0\u00a0ms', '3 → 4', 'Scaled replicas'])
    expect(page).toContain(text);
  expect(page).toContain(`class="part-whole" x="0.0" y="35" width="240.0"`);
});

test('JUnit: one case per SLO and one for validity; a missed SLO is a failure, an inconclusive one an error', () => {
  const xml = renderJunit(inputOf());
  expect(elements(xml)).toMatchObject({ testsuite: 1, testcase: 4, failure: 1, error: 1, property: 5 });
  expect(xml).toContain('tests="4" failures="1" errors="1" skipped="0"');
  expect(xml).toContain('name="a &lt;nasty&gt; &quot;name&quot; &amp; | more [fault:kill: errors &lt;= 1%]"');
  expect(xml).toMatch(/<error type="inconclusive" message="Too few samples/);
});

/** Run of which every tenth request fails: P99 of the first token, and that of the completed ones. */
function withDeadRequests(): RenderInput {
  const slos = ['p99(ttft) <= 800 ms', 'p99(ttft | completed) <= 800 ms', 'p5(user-throughput) >= 5/s'];
  const plan = planOf({ slos: slos.map(objective => ({ name: objective, window: 'whole', objective })) });
  const dead = (_: number, i: number) => (i % 10 === 0 ? ({ outcome: 'reset' } as const) : {});
  return judge({ events: historyOf(plan), records: steadyLoad(dead) });
}

test('a quantile beyond every value is told as what is missing, with that of the others beside it', () => {
  const run = withDeadRequests();
  expect(run.document.slos[0]).toMatchObject({
    verdict: 'fail',
    measured: null,
    infinite: ['measured', 'lower', 'upper'],
  });
  expect(JSON.stringify(run.document)).not.toMatch(/Infinity|NaN/);
  expect(renderMarkdown(run)).toContain('| no first token (100 ms of those with a first token) | ∞ … ∞ | 600 |');
  expect(renderTerminal(run)).toContain('no first token (100 ms of those with a first token) [∞ … ∞], n = 600');
  expect(renderJunit(run)).toContain('measured no first token, bounds ∞ to ∞, 600 samples');
  expect(renderHtml(run)).toMatch(
    /<b>no first token<\/b> <small>100\u00a0ms of those with a first token<\/small>.*∞ … ∞/s,
  );
  for (const render of [renderMarkdown, renderTerminal, renderJunit, renderHtml])
    expect(render(run).replace(/<script>.*<\/script>/s, '')).not.toMatch(/Infinity|NaN|undefined/);
});

test('the key figures say that a quantile is that of the requests that have a value', () => {
  expect(renderHtml(inputOf())).toMatch(/P99 TTFT, worst fault.*?fault:kill.*?, without the 9\.52% that failed/s);
});

test('JUnit: an invalid run is a separate error, with all reasons', () => {
  const xml = renderJunit(inputOf(killed(null, null)));
  expect(xml).toMatch(
    /name="the run is valid">\n {6}<error type="invalid" message="Fault kill had no observable effect/,
  );
  expect(elements(xml).error).toBeGreaterThanOrEqual(2);
});

test('XML output has no characters that XML does not allow', () => {
  expect(escapeXml('a\u0000b\u001b[31m<&>"\ud800\tc')).toBe('a\ufffdb\ufffd[31m&lt;&amp;&gt;&quot;\ufffd\tc');
});

test('Markdown shows verdict, intervals, windows, faults and the replay command', () => {
  const markdown = renderMarkdown(inputOf());
  expect(markdown).toMatch(/^# ✗ FAIL: example\n/);
  expect(markdown).toContain('| ✓ | first token | whole | p99(ttft) \\<= 800 ms | 100 ms | 100 ms … 100 ms | 600 |');
  expect(markdown).toContain('100 ms … ∞');
  expect(markdown).toContain(
    '| kill | kill | inference-1 | 20 s | 20.1 s | 30 s | injected seen.; effective seen.; healed seen. |',
  );
  expect(markdown).toContain('```sh\nnpx squall run example --seed 1\n```');
});

test('Markdown tables keep their columns, whatever the text contains', () => {
  const markdown = renderMarkdown(inputOf());
  for (const table of markdown.split('\n\n').filter(part => part.startsWith('|'))) {
    const widths = table.split('\n').map(line => line.replaceAll('\\|', '').split('|').length);
    expect(new Set(widths).size).toBe(1);
  }
  expect(markdown).toContain('a \\<nasty> "name" & \\| more');
});

test('the terminal summary fits its width and is plain without colour', () => {
  for (const columns of [20, 40, 80, 200]) {
    const lines = renderTerminal(inputOf(), { columns }).split('\n');
    for (const line of lines) if (!line.includes('replay:')) expect(line.length).toBeLessThanOrEqual(columns);
  }
  const plain = renderTerminal(inputOf());
  expect(plain).not.toContain('\u001b');
  expect(plain).toMatch(/^✗ FAIL {2}example/);
  expect(plain).toContain('  replay: npx squall run example --seed 1\n');
});

test('the duration of a run in virtual time is told as such, beside the time that it took', () => {
  const run = inputOf();
  const load = { ...run.document.load, cpuCores: null };
  const virtual = { ...run, document: { ...run.document, load, platform: 'virtual', durationMs: 59_000 } };
  expect(renderTerminal(virtual, { wallMs: 3100 })).toContain('(59 s of virtual time in 3.1 s, seed 1)');
  expect(renderTerminal(virtual)).toContain('(59 s of virtual time, seed 1)');
  expect(renderMarkdown(virtual)).toContain('duration 59 s of virtual time. Replay');
  const report = renderHtml(virtual);
  expect(report).toContain('startup to shutdown, in virtual time');
  expect(report).toMatch(/Generator CPU<.*?not measured in virtual time/s);
  expect(report).toContain('Those of processors are not measured in virtual time.');
  // A stored run does not have the wall time, in which real time passes as well.
  expect(renderTerminal(run, { wallMs: 3100 })).toMatch(/\(\d+ s, seed 1\)/);
});

test('every report of a run in virtual time says so on top, with what is modelled, and no report of another run does', () => {
  const run = inputOf();
  const note = virtualTime({ cpu: 1 });
  const load = { ...run.document.load, cpuCores: null };
  const document = { ...run.document, platform: 'virtual', timeScale: 1, load, warnings: [note, 'mind the gap'] };
  const virtual = { ...run, document };
  expect(renderTerminal(virtual).split('\n')[1]).toBe(`  ${note}`);
  expect(renderTerminal(virtual)).not.toContain(`warning: ${note}`);
  expect(renderTerminal(virtual)).toContain('warning: mind the gap');
  expect(renderMarkdown(virtual).split('\n\n')[1]).toBe(`> ${note.replaceAll('`', '\\`')}`);
  const junit = renderJunit(virtual);
  expect(junit).toContain(`<property name="time" value="${note}"/>`);
  expect(junit).toContain(`<system-out>${note}\n`);
  const page = renderHtml(virtual);
  expect(page.indexOf(note)).toBeLessThan(page.indexOf('<section'));
  expect(page.split(note)).toHaveLength(2);
  expect(page).toContain('not measured in virtual time');
  expect(page).not.toContain('in real time');
  for (const words of ['processor of each gateway', 'Not modelled:', 'those of other virtual runs only'])
    expect(note).toContain(words);
  expect(virtualTime({ cpu: 0 })).not.toContain('processor of each gateway');
  // One that does not have its note, since it was changed, says it all the same.
  expect(renderTerminal({ ...run, document: { ...document, warnings: [] } })).toContain('Virtual time: compare its');
  for (const render of [renderTerminal, renderMarkdown, renderJunit, renderHtml])
    expect(render(run)).not.toContain('Virtual time');
});

test('the terminal summary colours verdicts, and no text of the run moves the cursor', () => {
  const evil: TimedEvent = { atMs: 1, type: 'invalid', guard: 'guard', reason: 'clear\u001b[2J\nscreen' };
  expect(renderTerminal(inputOf(), { colour: true })).toContain('\u001b[31m');
  const text = renderTerminal(inputOf([evil]));
  expect(text).not.toContain('\u001b');
  expect(text).toContain('guard: clear [2J screen');
});

/** The run with what its generator noticed; `died` leaves the summary out. */
function notedInput(notes: readonly LoadNote[], died = false): RenderInput {
  const summary = { cpuMs: 1, wallMs: 10, peakRssBytes: 1, notes };
  return inputOf([
    ...killed(),
    died ? { atMs: 60_500, type: 'notes', notes } : { atMs: 60_500, type: 'load', summary },
  ]);
}

test.each([false, true])(
  'every report says what failed in the words of the service, and warns of oddities (%s)',
  died => {
    const run = notedInput(NOTES, died);
    expect(run.document.notes).toEqual(NOTES);
    expect(run.events.map(({ kind }) => kind)).not.toContain('notes');
    for (const render of [renderTerminal, renderMarkdown, renderJunit, renderHtml]) {
      const text = render(run).replaceAll('\\', '');
      expect(text).toContain('404: no model nope here, there is my-model');
      expect(text).toContain('502 Bad Gateway');
      expect(text).toContain('connection-refused');
      expect(text).toMatch(/Streams end without `data: \[DONE\]`. \(1980 times\)/);
      const silent = render(inputOf());
      expect(silent).not.toMatch(/own words:|own words<|[Ww]arning:|>Warnings</);
    }
    for (const render of [renderMarkdown, renderJunit, renderHtml])
      expect(render(run)).toContain('server: nginx/1.22.1');
    expect(renderTerminal(run)).toMatch(
      /own words:\n {4}404: no model nope here, there is my-model \(×92\)\n {4}502 Bad/,
    );
    expect(elements(renderJunit(run))).toMatchObject({ testcase: 4, 'system-out': 1 });
  },
);

test('no text of a service breaks out of a report, or moves the cursor', () => {
  const nasty = '\u001b[2J\u009b1m]]></system-out>``` `x`\u202e<img src=x onerror=alert(1)>\n# head\u0000';
  const note = (type: LoadNote['type'], count: number): LoadNote => ({
    ...{ type, count, name: nasty, example: `${nasty} ${count}` },
    headers: { 'x-request-id': nasty, [nasty]: 'x' },
  });
  const run = notedInput([note('failure', 2), note('oddity', 3)]);
  const terminal = renderTerminal(run, { columns: 60 });
  for (const line of terminal.split('\n')) if (!line.includes('replay:')) expect(line.length).toBeLessThanOrEqual(60);
  const [markdown, junit, page] = [renderMarkdown(run), renderJunit(run), renderHtml(run)];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there
  for (const text of [terminal, markdown, junit, page]) expect(text).not.toMatch(/[\u0000-\u0008\u001b\u009b\u202e]/);
  expect(markdown).not.toContain('\n# head');
  // The code span is fenced by more backticks than it contains.
  expect(markdown).toMatch(/<br>```` [^\n]*``` `x`[^\n]* ````/);
  expect(junit).not.toContain(']]>');
  expect(elements(junit)).toMatchObject({ testcase: 4, 'system-out': 1 });
  expect(page).not.toContain('<img');
});
