import type { Quantiles, RunDocument, SloResult, Verdict } from '../../store/run-document.ts';
import type { SuiteDocument } from '../../store/suite-document.ts';
import type { VariantRun, VariantsDocument } from '../../store/variants-document.ts';

/** One value of a {@link Family}. */
export interface Point {
  readonly labels: Readonly<Record<string, string>>;
  /** Infinite for a latency beyond every value. */
  readonly value: number;
}

/** A gauge with all its points. */
export interface Family {
  /** In the characters of Prometheus, with `_<unit>` at its end where there is a unit. */
  readonly name: string;
  readonly unit?: 'seconds';
  readonly help: string;
  readonly points: readonly Point[];
}

/** Results as metrics, all of one moment. */
export interface ResultMetrics {
  readonly families: readonly Family[];
  /** Wall clock in ms since 1970: the end of the run or the suite. Runs in virtual time begin at the same moment of their own clock. */
  readonly atMs: number;
  /** Version of Squall. */
  readonly version: string;
}

type Labels = Point['labels'];
type JudgedSlo = Pick<SloResult, 'name' | 'window' | 'objective' | 'verdict' | 'measured' | 'unit'> &
  Partial<Pick<SloResult, 'confidence' | 'infinite'>>;

const VERDICTS: readonly Verdict[] = ['pass', 'fail', 'inconclusive', 'invalid'];
const VERDICT_HELP = 'Verdict of a run: 1 for the one that it has.';
const QUANTILES = { p50: '0.5', p90: '0.9', p95: '0.95', p99: '0.99', p999: '0.999', max: '1' } as const;
const LATENCIES = {
  latencyMs: ['latency', 'From the scheduled arrival to the end of the response'],
  ttftMs: ['ttft', 'From the scheduled arrival to the first token'],
  itlMs: ['itl', 'Between tokens of a response'],
  tpotMs: ['tpot', 'Time per output token after the first'],
} as const;

/** Results of a run. Labels of every series: `scenario`, `platform`, `seed`; the run and the commit are in `squall_run_info`. */
export function runMetrics(document: RunDocument): ResultMetrics {
  const { scenario, platform, seed, load, windows, slos, startedAt, durationMs, versions } = document;
  const labels = { scenario, platform, seed: String(seed) };
  const counts = (['offered', 'sent', 'completed', 'failed', 'dropped'] as const).map(outcome => ({
    labels: { ...labels, outcome },
    value: load[outcome],
  }));
  const ofWindows = (figure: 'requests' | 'failed') =>
    windows.map(window => ({ labels: { ...labels, window: window.name }, value: window[figure] }));
  const latencies = Object.entries(LATENCIES).map(([key, [name, help]]) =>
    family(
      `squall_run_${name}_seconds`,
      `${help}, of the requests of a window that have it.`,
      windows.flatMap(window =>
        quantilePoints({ ...labels, window: window.name }, window[key as keyof typeof LATENCIES]),
      ),
    ),
  );
  return {
    atMs: Date.parse(startedAt) + durationMs,
    version: versions.squall ?? '',
    families: present([
      infoFamily('squall_run_info', 'What ran.', { ...labels, run: document.id, ...revisionLabels(document) }),
      verdictFamily('squall_run_verdict', VERDICT_HELP, [[labels, document.verdict]]),
      family('squall_run_duration_seconds', 'Time on the clock of the run.', [{ labels, value: durationMs / 1000 }]),
      family('squall_run_load_requests', 'Requests of the load.', counts),
      family('squall_run_window_requests', 'Requests of a window.', ofWindows('requests')),
      family('squall_run_window_failed_requests', 'Those of them that failed.', ofWindows('failed')),
      ...latencies,
      ...sloFamilies(slos.map(slo => [labels, slo])),
    ]),
  };
}

/** Results of a suite: of each run that ended its verdict and its SLOs, of each proof what it showed. */
export function suiteMetrics(document: SuiteDocument): ResultMetrics {
  const { suite, id, cells, startedAt, wallMs, exitCode, versions } = document;
  const of = { suite };
  const ended = cells.flatMap(({ scenario, platform, seed, repeat, state, run, proofs }) =>
    state === 'ended'
      ? [{ labels: { ...of, scenario, platform, seed: String(seed), repeat: String(repeat) }, run: run!, proofs }]
      : [],
  );
  const states = Map.groupBy(cells, ({ state }) => state);
  return {
    atMs: Date.parse(startedAt) + wallMs,
    version: versions.squall ?? '',
    families: present([
      infoFamily('squall_suite_info', 'What ran.', { ...of, run: id, ...revisionLabels(document) }),
      family('squall_suite_exit_code', 'Exit code of the suite: 0 where all is well.', [
        { labels: of, value: exitCode },
      ]),
      family('squall_suite_duration_seconds', 'Time that it took on its machine.', [
        { labels: of, value: wallMs / 1000 },
      ]),
      family(
        'squall_suite_places',
        'Runs of the suite by what became of them; those that did not end count as well.',
        [...states].map(([state, { length }]) => ({ labels: { ...of, state }, value: length })),
      ),
      verdictFamily(
        'squall_run_verdict',
        VERDICT_HELP,
        ended.map(({ labels, run }) => [labels, run.verdict]),
      ),
      family(
        'squall_run_duration_seconds',
        'Time on the clock of the run.',
        ended.map(({ labels, run }) => ({ labels, value: run.durationMs / 1000 })),
      ),
      ...sloFamilies(ended.flatMap(({ labels, run }) => run.slos.map(slo => [labels, slo] as const))),
      family(
        'squall_proof_holds',
        'Whether a proof that was tried shows what it must.',
        ended.flatMap(({ labels, proofs }) =>
          proofs
            .filter(({ outcome }) => outcome !== 'not-run')
            // PromQL has `without` as a word of its own.
            .map(({ without: safeguard, outcome }) => ({
              labels: { ...labels, safeguard },
              value: outcome === 'holds' ? 1 : 0,
            })),
        ),
      ),
    ]),
  };
}

/** Results of the runs of variants, as of those of a suite, with the variant as a label. */
export function variantsMetrics({ scenario, platform, runs, versions, startedAt }: VariantsDocument): ResultMetrics {
  const labelsOf = ({ variant, seed }: VariantRun) => ({ scenario, platform, seed: String(seed), variant });
  const slos = runs.flatMap(run => run.slos.map(slo => [labelsOf(run), slo] as const));
  const verdicts = runs.map(run => [labelsOf(run), run.verdict] as const);
  return {
    atMs: Date.parse(startedAt),
    version: versions.squall ?? '',
    families: present([verdictFamily('squall_run_verdict', VERDICT_HELP, verdicts), ...sloFamilies(slos)]),
  };
}

/** Each SLO's verdict, and what it measured, with the bounds of its interval where they are known. */
function sloFamilies(slos: readonly (readonly [Labels, JudgedSlo])[]): Family[] {
  const values = (read: (slo: JudgedSlo) => number | null | undefined, what: 'measured' | 'lower' | 'upper') =>
    slos.flatMap(([labels, slo]) => {
      const value = slo.infinite?.includes(what) ? Number.POSITIVE_INFINITY : read(slo);
      const { name, window, unit } = slo;
      return value === null || value === undefined ? [] : [{ labels: { ...labels, slo: name, window, unit }, value }];
    });
  return [
    verdictFamily(
      'squall_slo_verdict',
      'Verdict of an SLO: 1 for the one that it has.',
      slos.map(([labels, { name, window, objective, verdict }]) => [
        { ...labels, slo: name, window, objective },
        verdict,
      ]),
    ),
    family(
      'squall_slo_measured',
      'What an SLO measured, in the unit of its label.',
      values(slo => slo.measured, 'measured'),
    ),
    family(
      'squall_slo_lower',
      'Lower bound of what an SLO measured.',
      values(slo => slo.confidence?.lower, 'lower'),
    ),
    family(
      'squall_slo_upper',
      'Upper bound of what an SLO measured.',
      values(slo => slo.confidence?.upper, 'upper'),
    ),
  ];
}

function verdictFamily(name: string, help: string, all: readonly (readonly [Labels, Verdict])[]): Family {
  const points = all.flatMap(([labels, own]) =>
    VERDICTS.map(verdict => ({ labels: { ...labels, verdict }, value: verdict === own ? 1 : 0 })),
  );
  return family(name, help, points);
}

function infoFamily(name: string, help: string, labels: Labels): Family {
  return family(name, help, [{ labels, value: 1 }]);
}

function family(name: string, help: string, points: readonly Point[]): Family {
  return { name, help, points, ...(name.endsWith('_seconds') && { unit: 'seconds' as const }) };
}

function quantilePoints(labels: Labels, quantiles: Quantiles): Point[] {
  return Object.entries(QUANTILES).flatMap(([key, quantile]) => {
    const ms = quantiles[key as keyof Quantiles];
    return ms === null ? [] : [{ labels: { ...labels, quantile }, value: ms / 1000 }];
  });
}

function revisionLabels({ revision, versions }: Pick<RunDocument, 'revision' | 'versions'>): Labels {
  return { ...revision, ...(versions.squall !== undefined && { version: versions.squall }) };
}

const present = (families: readonly Family[]) => families.filter(({ points }) => points.length > 0);
