import { describe, expect, it } from 'vitest';
import { trendOf } from '../../../reports/judge/trend/trend.ts';
import { renderTrendPages } from '../../../reports/render/trend/html.ts';
import { conclusion } from '../../../reports/render/trend/texts.ts';
import type { HistoryRow } from '../../../reports/store/history-file.ts';
import { hostile } from '../suites.ts';
import { about, nights } from './nights.ts';

const trend = (all: readonly (readonly Partial<HistoryRow>[])[]) =>
  trendOf({ nights: nights(all), damaged: [], pageOf: (night: string) => `../runs/${night}/index.html` });

describe('an indicator over nights', () => {
  it('changes on the night on which it differs beyond its intervals, with what else changed', () => {
    const { series, nights: told } = trend([
      [about(100)],
      [about(101)],
      [{ ...about(150), versions: '{"node":"25"}' }],
    ]);
    expect(series).toHaveLength(1);
    expect(series[0]!.changes).toMatchObject([
      {
        night: 2,
        after: 1,
        kind: 'worse',
        from: expect.closeTo(100.5, 1),
        to: expect.closeTo(150, 6),
        alsoChanged: ['node 24 → 25'],
      },
    ]);
    expect(told[2]).toMatchObject({ commit: '2'.repeat(40), page: '../runs/mine-2/index.html' });
    expect(trend([[about(100)], [about(101)], [about(104)]]).series[0]!.changes).toEqual([]);
  });

  it('gets better or worse as its objective says', () => {
    const goodput = { objective: 'goodput(ttft 1 s, latency 4 s) >= 90%', unit: '%', limit: 90 };
    const of = (value: number) => [{ ...goodput, value, lower: value - 1, upper: value + 1 }];
    expect(trend([of(98), of(98), of(60)]).series[0]!.changes).toMatchObject([{ kind: 'worse' }]);
    expect(trend([of(60), of(60), of(98)]).series[0]!.changes).toMatchObject([{ kind: 'better' }]);
  });

  it('does not change where a night lacks one of its seeds', () => {
    const both = [about(100), { ...about(300), seed: 43 }];
    const { series } = trend([both, both, both, [about(100)]]);
    expect(series[0]!.points.map(({ value }) => Math.round(value!))).toEqual([173, 173, 173, 100]);
    expect(series[0]!.changes).toEqual([]);
    const other = trend([both, both, both, [about(150)]]).series[0]!;
    expect(other.changes).toMatchObject([{ night: 3, kind: 'worse' }]);
  });

  it('is another where load or faults are others, but not where only the limit is', () => {
    const { series } = trend([
      [about(100)],
      [{ ...about(100), objective: 'p99(ttft) <= 2 s', limit: 2000 }],
      [{ ...about(500), definition: 'e' }],
      [{ ...about(500), definition: 'e' }],
    ]);
    expect(series.map(({ points, isCurrent, changes }) => [points.length, isCurrent, changes.length])).toEqual([
      [2, false, 0],
      [2, true, 0],
    ]);
  });

  it.each<[string, Partial<HistoryRow>, RegExp]>([
    ['has no interval', { lower: 100, upper: 100 }, /no intervals/],
    ['has half an interval', { upper: null }, /no intervals/],
    ['is beyond every value', { value: null, lower: null, upper: null, infinite: 'measured' }, /no intervals/],
  ])('is shown and not tested where it %s', (_, own, why) => {
    const [one] = trend([[own], [own], [own]]).series;
    expect(one!.untested).toMatch(why);
    expect(one!.points).toHaveLength(3);
  });

  it('is not tested by a night that is beyond every value, which is shown', () => {
    const beyond = { value: null, lower: null, upper: null, infinite: 'measured upper', verdict: 'fail' } as const;
    const [one] = trend([[about(100)], [about(100)], [beyond]]).series;
    expect(one!.points[2]).toMatchObject({ isInfinite: true, value: null, verdicts: ['fail'] });
    expect(one!.changes).toEqual([]);
  });

  it('rests on no night whose run is invalid, which has no value', () => {
    const invalid = { ...about(300), runVerdict: 'invalid' } as const;
    const [one] = trend([[about(100)], [about(100)], [invalid]]).series;
    expect(one!.points[2]).toMatchObject({ value: null, isInfinite: false, verdicts: ['invalid'] });
    expect(one!.changes).toEqual([]);
    const [none] = trend([[invalid]]).series;
    expect(none!.untested).toBe('No valid run has measured it.');
    expect(renderTrendPages(trend([[{ ...invalid, unit: '%' }]])).get('pages/mine/a.html')).not.toMatch(/NaN|Infinity/);
    // The same night of a valid run is a change, or this would show nothing.
    expect(trend([[about(100)], [about(100)], [about(300)]]).series[0]!.changes).toHaveLength(1);
  });

  it('needs more than three nights in real time, where machines differ', () => {
    const process = { platform: 'process' } as const;
    const of = (value: number) => [{ ...about(value), ...process }];
    expect(trend([of(100), of(101), of(125)]).series[0]!.changes).toEqual([]);
    const long = [100, 103, 98, 101, 99, 102, 125, 127, 124, 126, 128, 125];
    expect(trend(long.map(of)).series[0]!.changes).toMatchObject([{ night: 6 }]);
  });
});

describe('a scenario over nights', () => {
  const of = (...verdicts: ('pass' | 'fail' | 'inconclusive')[]) =>
    verdicts.map((verdict, seed) => ({ seed, runVerdict: verdict, verdict }));

  it.each([
    ['passes', [of('pass'), of('pass'), of('pass')], { failed: 0, mixed: 0, turns: 0, isFlaky: false }],
    ['broke once', [of('pass'), of('fail'), of('fail')], { failed: 2, mixed: 0, turns: 1, isFlaky: false }],
    ['fails now and then', [of('pass'), of('fail'), of('pass')], { failed: 1, mixed: 0, turns: 2, isFlaky: true }],
    ['disagrees with itself', [of('pass', 'fail')], { failed: 1, decided: 2, mixed: 1, turns: 0, isFlaky: true }],
    ['is undecided', [of('pass'), of('inconclusive'), of('pass')], { decided: 2, turns: 0, isFlaky: false }],
  ])('%s', (_, all, expected) => {
    expect(trend(all).scenarios).toMatchObject([expected]);
  });

  it('counts a run that left no results', () => {
    const lost = { slo: null, window: null, objective: null, unit: null, value: null, verdict: null, definition: '' };
    const document = trend([[about(100)], [{ ...lost, runVerdict: 'invalid' }]]);
    expect(document.scenarios[0]!.nights[1]).toEqual({ night: 1, verdicts: ['invalid'] });
    expect(document.series).toMatchObject([{ isCurrent: true, points: [{ night: 0 }] }]);
  });
});

it('says which scenarios no longer pass, also where no indicator can tell', () => {
  const saidOf = (...all: Parameters<typeof nights>[0]) =>
    conclusion(trendOf({ nights: nights(all), damaged: [], pageOf: () => undefined }));
  const broken = {
    value: null,
    lower: null,
    upper: null,
    infinite: 'measured',
    runVerdict: 'fail',
    verdict: 'fail',
  } as const;
  const nothing = 'On the newest 0 got worse, 0 better; 0 of 2 flaky.';
  const other = { ...about(7), scenario: 'b' };
  expect(saidOf([about(100), other], [about(100), other])).toBe(`2 nights. ${nothing}`);
  expect(saidOf([about(100), other], [broken, other])).toBe(
    `2 nights. 1 of 2 does not pass. New since the night before: a on virtual. ${nothing}`,
  );
  expect(saidOf([broken, other], [broken, other])).toBe(`2 nights. 1 of 2 does not pass. ${nothing}`);
  // One that did not run says nothing about the newest night, but is missed on the first without it.
  expect(saidOf([broken, other], [other])).toBe(`2 nights. Did not run on the newest: a on virtual. ${nothing}`);
  expect(saidOf([broken, other], [other], [other])).toBe(`3 nights. ${nothing}`);
  expect(saidOf([broken])).toContain('1 night. 1 of 1 does not pass. Nothing is before it');
});

describe('the pages of a history', () => {
  const document = trend([
    [
      { ...about(100), slo: hostile },
      { scenario: 'b', platform: 'process' },
    ],
    [{ ...about(100), slo: hostile, commit: hostile }],
    [{ ...about(200), slo: hostile, commit: null, machine: JSON.stringify({ cpu: hostile }) }],
  ]);
  const pages = renderTrendPages(document);

  it('are one of the whole and one a scenario, which lead to each other and to the nights', () => {
    expect([...pages.keys()]).toEqual(['index.html', 'pages/mine/a.html', 'pages/mine/b.html']);
    const index = pages.get('index.html')!;
    expect(index).toContain('href="pages/mine/a.html#virtual"');
    expect(index).toContain('href="../runs/mine-2/index.html"');
    expect(index).toContain('✗ worse: 100');
    const page = pages.get('pages/mine/a.html')!;
    expect(page).toContain('href="../../index.html"');
    expect(page).toContain('href="../../../runs/mine-0/index.html"');
    expect(page.match(/class="onset"/g)).toHaveLength(3);
  });

  it('have no markup of others, and load nothing', () => {
    for (const [name, page] of pages) {
      expect(page, name).not.toContain('<script>alert');
      expect(page, name).not.toContain('\u202e');
      expect(page, name).not.toMatch(/(src|href)="(https?:)?\/\//);
    }
  });

  it('name the files that are left out', () => {
    const damaged = [{ file: 'x.parquet', reason: 'It was cut short.' }];
    const index = renderTrendPages({ ...document, damaged }).get('index.html')!;
    expect(index).toContain('x.parquet');
    expect(index).toContain('1 file is unreadable.');
  });
});
