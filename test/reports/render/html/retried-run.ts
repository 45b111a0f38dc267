import type { RenderInput } from '../../../../reports/store/run-document.ts';
import { passingRun } from './fixture.ts';
import { measuredRun } from './measured-run.ts';

/** Run whose clients retried, with four attempts per request from 24 s to 31 s, and some of which gave up. */
export function retriedRun(from: RenderInput = measuredRun()): RenderInput {
  const attempts = from.timeline.offered.map((rate, second) => (second >= 24 && second < 31 ? 4 * rate : rate));
  const load = { ...from.document.load, attempts: 2600, abandoned: 12 };
  return { ...from, document: { ...from.document, load }, timeline: { ...from.timeline, attempts } };
}

/** The same without sampled metrics, whose columns precede that of the attempts. */
export function plainRetriedRun(): RenderInput {
  return retriedRun(passingRun());
}
