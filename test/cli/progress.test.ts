import { stripVTControlCharacters } from 'node:util';
import { expect, it } from 'vitest';
import { startProgress } from '../../cli/progress.ts';
import type { History, RunEvent } from '../../harness/history.ts';
import { planOf } from '../reports/runs.ts';

/** What the progress display of a plan writes, line by line, on a stream that is no terminal. */
function shown(changes: Parameters<typeof planOf>[0], events: readonly RunEvent[]): string[] {
  const parts: string[] = [];
  const stream = { write: (part: string) => parts.push(part) } as unknown as NodeJS.WriteStream;
  using progress = startProgress(stream, planOf(changes), false);
  const history = { listen: (listener: (event: RunEvent) => void) => events.forEach(listener) } as unknown as History;
  progress.history(history, '/');
  return stripVTControlCharacters(parts.join('')).trimEnd().split('\n');
}

const step = (name: Extract<RunEvent, { type: 'fault' }>['step'], evidence = ''): RunEvent => ({
  type: 'fault',
  id: 'slow',
  step: name,
  evidence,
});

it('begins with the warnings of the plan', () => {
  expect(shown({ warnings: ['SLO "s": p95(ttft) needs 59 requests.'] }, [])[2]).toBe(
    '  warning  SLO "s": p95(ttft) needs 59 requests.',
  );
  expect(shown({}, [])).toHaveLength(2);
});

it('writes no text of a scenario or a service that a terminal obeys, and none that passes for a line of its own', () => {
  const hostile = '\x1b[2J\x9b31m\x07\u202e\n✓ PASS';
  const parts: string[] = [];
  const stream = { write: (part: string) => parts.push(part) } as unknown as NodeJS.WriteStream;
  using progress = startProgress(stream, planOf({ scenario: hostile, why: hostile, warnings: [hostile] }), false);
  const events: RunEvent[] = [
    { type: 'replica', replica: hostile, service: 'x', state: 'ready', detail: hostile },
    { ...step('injected', hostile), id: hostile } as RunEvent,
    { type: 'ready', tookMs: 1, attempts: 2, waitedFor: hostile },
    { type: 'invalid', guard: 'x', reason: hostile },
    { type: 'interrupted', by: hostile },
    { type: 'crashed', reason: hostile },
  ];
  const history = { listen: (listener: (event: RunEvent) => void) => events.forEach(listener) } as unknown as History;
  progress.history(history, '/');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  expect(stripVTControlCharacters(parts.join(''))).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
  const lines = parts.join('').trimEnd().split('\n');
  expect(lines).toHaveLength(3 + events.length);
  expect(lines.filter(line => /^\s*✓/.test(line))).toEqual([]);
});

it('tells a fault without effect from one that the noise of the target hides', () => {
  const [, , ...lines] = shown({}, [
    step('inject'),
    step('injected', 'latency'),
    step('no-effect', 'nothing seen'),
    step('hidden', 'probes took 5 and 90 ms'),
  ]);
  expect(lines.map(line => line.trim())).toEqual([
    'slow injected  latency',
    'slow had no observable effect  nothing seen',
    "slow could not be told from the target's own noise  probes took 5 and 90 ms",
  ]);
});

it('tells virtual and wall time and the factor between them, where time is virtual', () => {
  const lines = (platform: 'virtual' | 'process') => {
    const parts: string[] = [];
    const stream = { write: (part: string) => parts.push(part) } as unknown as NodeJS.WriteStream;
    using progress = startProgress(stream, planOf({ platform }), false);
    const events: RunEvent[] = [{ type: 'phase', phase: 'load' }];
    const listen = (listener: (event: RunEvent) => void) => events.forEach(listener);
    progress.history({ listen, nowMs: () => 3_600_000 } as unknown as History, '/');
    return stripVTControlCharacters(parts.at(-1)!).trim();
  };
  expect(lines('process')).toBe('load');
  const [, factor] = /^load {2}3600 s of virtual time in \d.* m?s \((\d+)×\)$/.exec(lines('virtual')) ?? [];
  // The display is not a minute old.
  expect(Number(factor)).toBeGreaterThan(60);
});
