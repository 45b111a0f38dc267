import { expect, it } from 'vitest';
import { tuneChart } from '../../reports/render/tune/chart.ts';
import type { TuneDocument, TunePoint } from '../../reports/store/tune-document.ts';

const other = { file: 'other', met: true, costRatio: 0.9, ttftP99Ms: 240 } as const satisfies TunePoint;

function chartOf(...points: readonly TunePoint[]): string | undefined {
  return tuneChart({ points } as unknown as TuneDocument)?.markup;
}

it('draws what an HPA costs against its P99, and the frontier through those that met all SLOs', () => {
  const own = { ...other, file: 'own', costRatio: 1, ttftP99Ms: 90 } as const;
  const tuned = { ...other, file: 'tuned', costRatio: 0.7, ttftP99Ms: 190 } as const;
  const missed = { ...other, met: false, costRatio: 0.1, ttftP99Ms: 50 } as const;
  const chart = chartOf(own, missed, other, tuned, { ...other, ttftP99Ms: null })!;
  expect(chart).toMatch(/yours 100\s%, 90\sms; one that missed an SLO 10\s%, 50\sms/);
  expect(chart).toContain('not drawn: 1 without a P99');
  // Neither the one that is dominated nor the one that missed an SLO is on it: from the cheaper to the faster, one step.
  const [, stairs] = /class="series look-4" d="([^"]*)"/.exec(chart)!;
  expect(stairs).toMatch(/^M[\d. ]+H[\d.]+V[\d.]+$/);
});

it('draws nothing without two configurations to compare', () => {
  expect(chartOf(other, { ...other, costRatio: null })).toBeUndefined();
});
