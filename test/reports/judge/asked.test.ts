import { describe, expect, it } from 'vitest';
import { askedSlo, withSlos } from '../../../reports/judge/asked.ts';
import { judge } from '../../../reports/judge/judge.ts';
import { historyOf, KILL, killed, planOf, steadyLoad } from '../runs.ts';

const { load } = planOf();
const plan = planOf({
  faults: [KILL],
  load: {
    ...load,
    clients: {
      classes: [
        { name: 'vip', weight: 1 },
        { name: 'free', weight: 1 },
      ],
    } as unknown as NonNullable<typeof load.clients>,
  },
});
const records = steadyLoad((scheduledMs, index) => ({
  class: index % 2 === 0 ? 'vip' : 'free',
  ttftMs: scheduledMs >= 20_000 && scheduledMs < 30_000 ? 400 : index % 2 === 0 ? 50 : 200,
}));
const judged = (...texts: string[]) =>
  judge(withSlos({ events: historyOf(plan, ...killed()), records }, texts)).document;

describe('an SLO of one line', () => {
  it.each([
    ['p99(ttft, class vip) <= 500 ms', { objective: 'p99(ttft) <= 500 ms', window: 'whole', class: 'vip' }],
    ['p99(ttft) <= 500 ms in fault:kill', { objective: 'p99(ttft) <= 500 ms', window: 'fault:kill' }],
    ['errors(class free) <= 1% in baseline', { objective: 'errors <= 1%', window: 'baseline', class: 'free' }],
    ['errors(reset, class free) <= 1%', { objective: 'errors(reset) <= 1%', window: 'whole', class: 'free' }],
    [
      'goodput(ttft 500 ms, latency 4 s, class vip) >= 95%',
      { objective: 'goodput(ttft 500 ms, latency 4 s) >= 95%', class: 'vip', window: 'whole' },
    ],
  ])('%s', (text, wanted) => {
    expect(askedSlo(text, plan)).toEqual({ name: text, ...wanted });
  });

  it.each([
    ['p99(ttft) <= 500 ms in fault:kil', 'BAD_SLO', /window of this run, got "fault:kil"; did you mean "fault:kill"/],
    ['p99(ttft, class vp) <= 500 ms', 'BAD_SLO', /class of this run, got "vp"; did you mean "vip"/],
    ['p99(ttf) <= 500 ms', 'BAD_OBJECTIVE', /ttf/],
    ['recovery(kil) <= 1 s', 'BAD_SLO', /fault of this run, got "kil"; did you mean "kill"/],
    ['', 'BAD_OBJECTIVE', /./],
    // Where it is in what was written, whatever comes before it.
    [
      'p99(ttft, class vip) <= 500 parsecs',
      'BAD_OBJECTIVE',
      /vip\) <= 500 parsecs": found "500 parsecs" at character 25/,
    ],
    ['errors(class vip) <= 5 ms in baseline', 'BAD_OBJECTIVE', /found "5 ms" at character 22/],
    ['recovery(kill) <= 1 s', 'BAD_SLO', /`--slo` to be recovery within more than 10 s/],
  ])('is refused: %s', (text, code, message) => {
    expect(() => askedSlo(text, plan)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });
});

it('judges a stored run by other SLOs, of a class and of a window, and by its own without any', () => {
  const { slos, verdict } = judged(
    'p90(ttft, class vip) <= 100 ms in baseline',
    'p90(ttft, class free) <= 100 ms in baseline',
  );
  expect(slos.map(slo => [slo.verdict, slo.window, slo.measured])).toEqual([
    ['pass', 'baseline, class vip', 50],
    ['fail', 'baseline, class free', 200],
  ]);
  expect(verdict).toBe('fail');
  expect(judged('p50(ttft) <= 300 ms in fault:kill').verdict).toBe('fail');
  expect(judged().slos.map(({ name }) => name)).toEqual(['errors stay rare']);
});
