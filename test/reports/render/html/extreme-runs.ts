import type { RenderInput } from '../../../../reports/store/run-document.ts';
import { changed, passingRun } from './fixture.ts';
import { measuredRun } from './measured-run.ts';

/** Text that breaks out of text, attributes, comments and scripts, unless it is escaped. */
export const HOSTILE = `<script>document.title='broken'</script>"'><img src=x onerror="document.title='broken'">&amp;-->`;

/** Run in which every text is {@link HOSTILE}, and very long. */
export function hostileRun(): RenderInput {
  const run = passingRun();
  const poison = (value: unknown, key = ''): unknown => {
    if (typeof value === 'string')
      return ['verdict', 'objective'].includes(key) ? value : `${HOSTILE}${'x'.repeat(60)}`;
    if (Array.isArray(value)) return value.map(item => poison(item));
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, poison(item, name)]));
  };
  const input = poison(run) as RenderInput;
  const artifacts = {
    script: `javascript:document.title='broken'`,
    up: '../../secret',
    root: '/etc/passwd',
    host: '//example.com/x',
  };
  return changed(
    input,
    { artifacts, machine: { [HOSTILE]: HOSTILE } },
    { timeline: { ...input.timeline, ready: { [HOSTILE]: run.timeline.offered.map(() => 1) } } },
  );
}

/** Run of ten hours, with a value for every second, and more events than a page shows. */
export function longRun(): RenderInput {
  const run = measuredRun();
  const seconds = 36_000;
  const repeat = <T>(values: readonly T[]) =>
    Array.from({ length: seconds }, (_, second) => values[second % values.length]!);
  const { timeline } = run;
  return changed(
    run,
    { durationMs: seconds * 1000 },
    {
      events: Array.from({ length: 40_000 }, (_, index) => ({
        atMs: index * 900,
        kind: 'replica',
        text: `inference-${index % 7} ready → exited ${'.'.repeat(index % 500)}`,
      })),
      timeline: {
        ...(Object.fromEntries(
          Object.entries(timeline).map(([name, values]) => [name, Array.isArray(values) ? repeat(values) : values]),
        ) as typeof timeline),
        failures: Array.from({ length: 50_000 }, (_, index) => ({
          atMs: index * 700,
          kind: `http-${500 + (index % 9)}`,
        })),
        ready: { gateway: repeat(timeline.ready.gateway!), inference: repeat(timeline.ready.inference!) },
        metrics: {
          maxWaiting: repeat(timeline.metrics!.maxWaiting),
          waiting: repeat(timeline.metrics!.waiting),
          running: repeat(timeline.metrics!.running),
          gpuPercent: repeat(timeline.metrics!.gpuPercent),
          kvCachePercent: repeat(timeline.metrics!.kvCachePercent),
          gpuMemoryPercent: repeat(timeline.metrics!.gpuMemoryPercent),
        },
      },
    },
  );
}
