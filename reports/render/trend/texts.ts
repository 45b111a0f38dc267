import type { Verdict } from '../../store/run-document.ts';
import type { TrendChange, TrendDocument, TrendNight, TrendScenario, TrendSeries } from '../../store/trend-document.ts';
import { MARKS } from '../cells.ts';
import { quantity } from '../html/format.ts';

/** A change, and the indicator in which it is. */
export interface ToldChange {
  readonly series: TrendSeries;
  readonly change: TrendChange;
}

/** All changes, the newest first, those for the worse before others of the same night. */
export function changesOf({ series }: TrendDocument): ToldChange[] {
  const all = series.flatMap(series => series.changes.map(change => ({ series, change })));
  const order = ({ change: { night, kind } }: ToldChange) => 2 * night + (kind === 'worse' ? 1 : 0);
  return all.sort((a, b) => order(b) - order(a));
}

/** Scenarios that a sentence names. */
const MAX_NAMED = 5;

/** `12 nights. 2 of 9 do not pass. New since the night before: a on virtual. On the newest 2 got worse, 1 better; 1 of 9 flaky.` */
export function conclusion(document: TrendDocument): string {
  const { nights, scenarios, damaged } = document;
  const isNewest = ({ series: { suite, scenario, platform }, change }: ToldChange) =>
    scenarios.some(
      one =>
        one.suite === suite &&
        one.scenario === scenario &&
        one.platform === platform &&
        one.nights.at(-1)!.night === change.night,
    );
  const newest = changesOf(document).filter(isNewest);
  const count = (kind: TrendChange['kind']) => newest.filter(({ change }) => change.kind === kind).length;
  const flaky = scenarios.filter(({ isFlaky }) => isFlaky).length;
  return [
    `${nights.length} ${nights.length === 1 ? 'night' : 'nights'}.`,
    ...failingTexts(scenarios),
    ...absentTexts(scenarios),
    nights.length < 2
      ? 'Nothing is before it to compare it with;'
      : `On the newest ${count('worse')} got worse, ${count('better')} better;`,
    `${flaky} of ${scenarios.length} flaky.`,
    ...(damaged.length > 0 ? [`${damaged.length} ${damaged.length === 1 ? 'file is' : 'files are'} unreadable.`] : []),
  ].join(' ');
}

/** Which scenarios do not pass on the newest night of their suite and platform; nothing where all do. */
function failingTexts(scenarios: readonly TrendScenario[]): string[] {
  const current = scenarios.filter(one => missedOf(one, scenarios) === 0);
  const passes = (one: TrendScenario, back: number) => one.nights.at(-back)?.verdicts.every(own => own === 'pass');
  const failing = current.filter(one => !passes(one, 1));
  if (failing.length === 0) return [];
  const fresh = failing.filter(one => passes(one, 2));
  return [
    `${failing.length} of ${current.length} ${failing.length === 1 ? 'does' : 'do'} not pass.`,
    ...(fresh.length > 0 ? [`New since the night before: ${namesText(fresh)}.`] : []),
  ];
}

/** Which scenarios ran on the night before the newest of their suite and platform, and not on that. */
function absentTexts(scenarios: readonly TrendScenario[]): string[] {
  const absent = scenarios.filter(one => missedOf(one, scenarios) === 1);
  return absent.length > 0 ? [`Did not run on the newest: ${namesText(absent)}.`] : [];
}

/** Nights of the suite on the platform of a scenario since its last. */
function missedOf({ suite, platform, nights }: TrendScenario, scenarios: readonly TrendScenario[]): number {
  const last = nights.at(-1)!.night;
  const beside = scenarios.filter(other => other.suite === suite && other.platform === platform);
  return new Set(beside.flatMap(other => other.nights.flatMap(({ night }) => (night > last ? [night] : [])))).size;
}

function namesText(scenarios: readonly TrendScenario[]): string {
  const names = scenarios.slice(0, MAX_NAMED).map(({ scenario, platform }) => `${scenario} on ${platform}`);
  const more = scenarios.length - names.length;
  return `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** `p99(ttft) <= 400 ms in fault:kill`. */
export function indicatorText({ objective, window }: Pick<TrendSeries, 'objective' | 'window'>): string {
  return `${objective} in ${window}`;
}

/** `34.6 ms → 45.2 ms (+31%)`. */
export function stepText({ from, to }: TrendChange, { unit }: TrendSeries): string {
  const ratio =
    unit === '%' || from <= 0 ? '' : ` (${to >= from ? '+' : '−'}${quantity(Math.abs(to / from - 1), 'ratio')})`;
  return `${quantity(from, unit)} → ${quantity(to, unit)}${ratio}`;
}

/** `1a2b3c4d5e after 5d6e7f8091`; one commit where nothing else was committed between, and a dash where none is known. */
export function commitsText({ night, after }: TrendChange, nights: readonly TrendNight[]): string {
  const [now, before] = [nights[night]!.commit, nights[after]!.commit];
  if (now === null) return '–';
  if (now === before) return `${commitText(now)}, as before`;
  return before === null ? commitText(now) : `${commitText(now)} after ${commitText(before)}`;
}

/** A commit, ten digits of its name. */
export function commitText(commit: string): string {
  return commit.replace(/^([0-9a-f]{10})[0-9a-f]+/, '$1');
}

/** `2026-11-29`; with the time where another night of the same suite began on that day. */
export function dateText(night: TrendNight, nights: readonly TrendNight[]): string {
  const day = night.startedAt.slice(0, 10);
  const isAlone = nights.every(
    other => other === night || other.suite !== night.suite || !other.startedAt.startsWith(day),
  );
  return isAlone ? day : `${day} ${night.startedAt.slice(11, 16)}`;
}

/** Verdicts of the runs of a night: `✓`, or `✓✗` where they differ. */
export function marksText(verdicts: readonly Verdict[]): string {
  return [...new Set(verdicts)].map(verdict => MARKS[verdict]).join('');
}

/** `3 of 20 runs failed: 15% (5.1% … 31.4%)`. */
export function failedText({ failed, decided, lower, upper }: TrendScenario): string {
  const bounds = `${quantity(lower, 'ratio')} … ${quantity(upper, 'ratio')}`;
  return `${failed} of ${decided} runs: ${quantity(failed / decided, 'ratio')} (${bounds})`;
}
