import type { HistoryRow, StoredNight } from '../../store/history-file.ts';
import type { Verdict } from '../../store/run-document.ts';
import type { TrendDocument, TrendNight, TrendScenario, TrendSeries } from '../../store/trend-document.ts';
import { statisticOf } from '../objective.ts';
import { ratioBounds } from '../statistics.ts';
import { findChanges } from './change-points.ts';
import { changesOf, indicatorOf, type NightRows } from './indicator.ts';

/** Input of {@link trendOf}. */
export interface TrendInput {
  /** From the oldest to the newest. */
  readonly nights: readonly StoredNight[];
  readonly damaged: TrendDocument['damaged'];
  /** Page of a night, relative to the folder of the history; undefined where it is not kept. */
  readonly pageOf: (night: string, isSuite: boolean) => string | undefined;
}

/** Suite of runs without one. */
export const RUNS = 'runs';

/** What a history shows: a pure function, so that the same nights give the same document. */
export function trendOf({ nights, damaged, pageOf }: TrendInput): TrendDocument {
  const told = nights.map(({ rows: [row] }): TrendNight => {
    const { night, suite, startedAt, commit, machine, versions } = row!;
    const page = pageOf(night, suite !== RUNS);
    return {
      ...{ id: night, suite, startedAt, commit, machine: JSON.parse(machine), versions: JSON.parse(versions) },
      ...(page !== undefined && { page }),
    };
  });
  const places = grouped(nights, ({ suite, scenario, platform }) => `${suite} ${scenario} ${platform}`);
  return {
    schema: 1,
    nights: told,
    damaged,
    scenarios: places.map(scenarioOf),
    series: seriesOf(places, told),
  };
}

/** Rows by a key, with the index of their night, in the order in which the keys appear first. */
function grouped(nights: readonly StoredNight[], keyOf: (row: HistoryRow) => string): NightRows[][] {
  const groups = new Map<string, Map<number, HistoryRow[]>>();
  for (const [night, { rows }] of nights.entries())
    for (const row of rows) {
      const key = keyOf(row);
      const group = groups.get(key) ?? groups.set(key, new Map()).get(key)!;
      group.set(night, [...(group.get(night) ?? []), row]);
    }
  return [...groups.values()].map(group => [...group].map(([night, rows]) => ({ night, rows })));
}

function scenarioOf(place: readonly NightRows[]): TrendScenario {
  const { suite, scenario, platform } = place[0]!.rows[0]!;
  const nights = place.map(({ night, rows }) => {
    const runs = new Map(rows.map(({ seed, repeat, runVerdict }) => [`${seed} ${repeat}`, runVerdict]));
    return { night, verdicts: [...runs.values()] };
  });
  const all = nights.flatMap(({ verdicts }) => verdicts);
  const failed = all.filter(verdict => verdict === 'fail').length;
  const decided = failed + all.filter(verdict => verdict === 'pass').length;
  const mixed = nights.filter(({ verdicts }) => verdicts.includes('pass') && verdicts.includes('fail')).length;
  const turns = turnsOf(nights.map(({ verdicts }) => verdicts));
  const isFlaky = mixed > 0 || turns > 1;
  return { suite, scenario, platform, nights, failed, decided, ...ratioBounds(failed, decided), mixed, turns, isFlaky };
}

function turnsOf(nights: readonly (readonly Verdict[])[]): number {
  const decided = nights.filter(verdicts => verdicts.includes('fail') || verdicts.includes('pass'));
  const fails = decided.map(verdicts => verdicts.includes('fail'));
  return fails.filter((fail, index) => index > 0 && fail !== fails[index - 1]).length;
}

/** What an invalid run measured is not that of the system, so that no change may rest on it. */
function unmeasured(row: HistoryRow): HistoryRow {
  return { ...row, value: null, lower: null, upper: null, infinite: null, verdict: 'invalid' };
}

function seriesOf(places: readonly (readonly NightRows[])[], nights: readonly TrendNight[]): TrendSeries[] {
  const found = places.flatMap(place => {
    const judged = place.map(({ night, rows }) => ({
      night,
      rows: rows.filter(({ slo }) => slo !== null).map(row => (row.runVerdict === 'invalid' ? unmeasured(row) : row)),
    }));
    const newest = Math.max(...judged.filter(({ rows }) => rows.length > 0).map(({ night }) => night));
    return grouped(
      judged.map(({ rows }) => ({ rows, path: '', bytes: 0 })),
      ({ definition, window, objective }) => `${definition} ${window} ${statisticOf(objective!)}`,
    )
      .map(group => group.map(({ night, rows }) => ({ night: judged[night]!.night, rows })))
      .map(group => ({ group, isCurrent: group.at(-1)!.night === newest, indicator: indicatorOf(group) }));
  });
  const tested = found.filter(({ indicator }) => indicator.untested === undefined);
  const changes = findChanges(tested.map(({ indicator }) => indicator.series));
  return found.map(({ group, isCurrent, indicator }) => {
    const { suite, scenario, platform, slo, objective, window, unit, limit } = group.at(-1)!.rows[0]!;
    const { points, untested } = indicator;
    const index = tested.findIndex(one => one.group === group);
    return {
      ...{ suite, scenario, platform, slo: slo!, objective: objective!, window: window!, unit: unit ?? '', limit },
      ...{ isCurrent, points, changes: index < 0 ? [] : changesOf(indicator, changes[index]!, objective!, nights) },
      ...(untested !== undefined && { untested }),
    };
  });
}
