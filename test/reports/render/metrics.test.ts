import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findProgram } from '../../../harness/host/programs.ts';
import { judge } from '../../../reports/judge/judge.ts';
import { type ResultMetrics, runMetrics, suiteMetrics } from '../../../reports/render/metrics/families.ts';
import { renderOpenMetrics } from '../../../reports/render/metrics/open-metrics.ts';
import { otlpMetrics } from '../../../reports/render/metrics/otlp.ts';
import { missing } from '../../require.ts';
import { historyOf, planOf, steadyLoad } from '../runs.ts';
import { cell, combine, everyKind, hostile } from '../suites.ts';

const SLOS = [
  { name: 'TTFT', window: 'whole', objective: 'p99(ttft) <= 1 s' },
  { name: hostile, window: 'whole', objective: 'errors <= 1%' },
];
const plan = planOf({ slos: SLOS });
const { document } = judge({ events: historyOf(plan), records: steadyLoad() });
const RUN = runMetrics(document);
const SUITE = suiteMetrics(everyKind);
const ALL: readonly [string, ResultMetrics][] = [
  ['a run', RUN],
  ['a suite', SUITE],
];

/** Samples by name and labels, as a reader of OpenMetrics has them. @throws Error for what the format does not allow */
function parse(text: string): Map<string, number> {
  const lines = text.split('\n');
  if (lines.at(-1) !== '' || lines.at(-2) !== '# EOF' || lines.filter(line => line === '# EOF').length !== 1)
    throw new Error('expected # EOF as the last line');
  const samples = new Map<string, number>();
  const families = new Set<string>();
  let family = '';
  for (const line of lines.slice(0, -2)) {
    const [, keyword, named] = /^# (TYPE|UNIT|HELP) (\w+) \S/.exec(line) ?? [];
    if (keyword === 'TYPE') {
      if (families.has(named!)) throw new Error(`${named} is in two places`);
      families.add(named!);
      family = named!;
    }
    if (keyword === 'UNIT' && !named!.endsWith(`_${line.split(' ')[3]}`)) throw new Error(`${line} is not in the name`);
    if (keyword !== undefined) {
      if (named !== family) throw new Error(`${line} in ${family}`);
      continue;
    }
    const sample = /^(\w+)(\{(?:\w+="(?:[^"\\\n]|\\["\\n])*",?)*\}) (\+Inf|-?[\d.e+-]+) (\d+(?:\.\d+)?)$/.exec(line);
    if (sample?.[1] !== family) throw new Error(`no sample of ${family}: ${line}`);
    const key = sample[1] + sample[2];
    if (samples.has(key)) throw new Error(`twice: ${key}`);
    samples.set(key, sample[3] === '+Inf' ? Number.POSITIVE_INFINITY : Number(sample[3]));
  }
  return samples;
}

it('tells what a run measured, in the units of Prometheus', () => {
  const samples = parse(renderOpenMetrics(RUN));
  const { scenario, platform, seed } = document;
  const labels = `scenario="${scenario}",platform="${platform}",seed="${seed}"`;
  const whole = document.windows.find(({ name }) => name === 'whole')!;
  expect(samples.get(`squall_run_ttft_seconds{${labels},window="whole",quantile="0.99"}`)).toBe(
    whole.ttftMs.p99! / 1000,
  );
  expect(samples.get(`squall_run_load_requests{${labels},outcome="completed"}`)).toBe(document.load.completed);
  expect(samples.get(`squall_run_verdict{${labels},verdict="${document.verdict}"}`)).toBe(1);
  const slo = `${labels},slo="TTFT",window="whole",unit="ms"`;
  expect(samples.get(`squall_slo_measured{${slo}}`)).toBe(document.slos[0]!.measured);
  expect(samples.get(`squall_slo_upper{${slo}}`)).toBe(document.slos[0]!.confidence.upper);
});

it('tells what became of the runs of a suite, those that did not end too', () => {
  const samples = parse(renderOpenMetrics(SUITE));
  const of = (name: string) => [...samples].filter(([key]) => key.startsWith(name)).map(([, value]) => value);
  expect(of('squall_suite_places{').sort()).toEqual([1, 1, 1, 1, 2]);
  expect(of('squall_suite_exit_code')).toEqual([everyKind.exitCode]);
  expect(of('squall_proof_holds')).toEqual([0]);
  const failing = suiteMetrics(combine([cell(7, 'inconclusive')]));
  expect([...parse(renderOpenMetrics(failing))].filter(([key]) => /^squall_(run|slo)_verdict\{/.test(key))).toEqual(
    ['run', 'slo'].flatMap(of =>
      ['pass', 'fail', 'inconclusive', 'invalid'].map(verdict => [
        expect.stringMatching(`^squall_${of}_verdict.*verdict="${verdict}"`),
        verdict === 'inconclusive' ? 1 : 0,
      ]),
    ),
  );
});

it('has no value for what is beyond every value but infinity', () => {
  const lost = runMetrics({
    ...document,
    slos: [{ ...document.slos[0]!, measured: null, infinite: ['measured'] }],
  });
  expect(renderOpenMetrics(lost)).toMatch(/^squall_slo_measured\{.*\} \+Inf /m);
  expect(JSON.stringify(otlpMetrics(lost))).toContain('"asDouble":"Infinity"');
});

it('is refused by the reader of this test where the format is broken', () => {
  const text = renderOpenMetrics(RUN);
  expect(() => parse(text.replace('# EOF\n', ''))).toThrow('# EOF');
  expect(() => parse(text.replace(/^(squall_run_info.*)$/m, '$1\n$1'))).toThrow('twice');
  expect(() => parse(text.replace('run="', 'run="a"'))).toThrow('no sample');
});

const noPromtool = missing('prometheus', findProgram('promtool') !== undefined);
it.skipIf(noPromtool).each(ALL)(`is stored by Prometheus as it is: %s ${noPromtool || ''}`, (_, metrics) => {
  const folder = mkdtempSync(join(tmpdir(), 'squall-metrics-'));
  const promtool = (...args: string[]) => execFileSync(findProgram('promtool')!.command, args, { encoding: 'utf8' });
  try {
    writeFileSync(join(folder, 'metrics.txt'), renderOpenMetrics(metrics));
    promtool('tsdb', 'create-blocks-from', 'openmetrics', join(folder, 'metrics.txt'), join(folder, 'data'));
    // Which it looks for, and which blocks alone do not have.
    mkdirSync(join(folder, 'data/wal'));
    const dumped = promtool('tsdb', 'dump', join(folder, 'data')).trim().split('\n');
    expect(dumped).toHaveLength(metrics.families.reduce((sum, { points }) => sum + points.length, 0));
    expect(dumped.every(line => line.endsWith(` ${Math.round(metrics.atMs)}`))).toBe(true);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it.each(ALL)('says the same to OpenTelemetry: %s', (_, metrics) => {
  const [{ resource, scopeMetrics }] = otlpMetrics(metrics).resourceMetrics as [
    ReturnType<typeof otlpMetrics>['resourceMetrics'][0],
  ];
  expect(resource.attributes[0]).toEqual({ key: 'service.name', value: { stringValue: 'squall' } });
  const sent = scopeMetrics[0]!.metrics.flatMap(({ name, gauge }) =>
    gauge.dataPoints.map(({ attributes, asDouble, timeUnixNano }) => {
      expect(timeUnixNano).toBe(`${Math.round(metrics.atMs)}000000`);
      return [name, Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue])), asDouble];
    }),
  );
  expect(sent).toEqual(
    metrics.families.flatMap(({ name, points }) =>
      points.map(({ labels, value }) => [
        name.replace('_seconds', '').replaceAll('_', '.'),
        Object.fromEntries(Object.entries(labels).map(([key, text]) => [key, text.toWellFormed()])),
        value,
      ]),
    ),
  );
});
