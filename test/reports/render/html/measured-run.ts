import type { MetricSeries, RenderInput } from '../../../../reports/store/run-document.ts';
import { changed, passingRun } from './fixture.ts';

/** The passing run with sampled engines: a queue while a replica is down, a missing round, prefix caches, SLOs on gauges. */
export function measuredRun(): RenderInput {
  const run = passingRun();
  const seconds = run.timeline.offered;
  const series = (of: (second: number, rate: number) => number) =>
    seconds.map((rate, second) => (second === 17 ? null : Math.round(of(second, rate) * 100) / 100));
  const gone = (second: number) => second >= 24 && second < 31;
  const metrics: MetricSeries = {
    maxWaiting: series(second => (gone(second) ? 2 + ((second * 5) % 7) : second % 5 === 0 ? 1 : 0)),
    waiting: series(second => (gone(second) ? 3 + ((second * 9) % 12) : second % 5 === 0 ? 2 : 0)),
    running: series((second, rate) => Math.round(rate * 0.6 + (second % 4))),
    gpuPercent: series((second, rate) => Math.min(100, rate * 1.9 + (gone(second) ? 25 : 0))),
    kvCachePercent: series((second, rate) => rate * 0.8 + (gone(second) ? 30 : 0)),
    gpuMemoryPercent: series((_, rate) => 41 + rate * 0.4),
    cacheHitPercent: series(second => 12 + (second % 5)),
  };
  const slo = run.document.slos[0]!;
  const gauge = (name: string, objective: string, measured: number, unit: string, window: string) => ({
    ...slo,
    name,
    objective,
    window,
    measured,
    unit,
    confidence: { level: 0.95, lower: measured, upper: measured },
    samples: 132,
    reason: 'The largest of 132 readings meets the objective.',
  });
  const slos = [
    ...run.document.slos,
    gauge('queue length during node loss', 'max(queue) <= 10', 8, '', 'fault:kill'),
    gauge('queue length', 'max(queue) <= 500', 8, '', 'whole'),
    gauge('GPU memory', 'max(gpu-memory) <= 90%', 65, '%', 'whole'),
  ];
  return changed(run, { slos }, { timeline: { ...run.timeline, metrics } });
}
