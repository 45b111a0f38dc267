import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Estimate, VariantsDocument } from '../../../reports/store/variants-document.ts';
import { squall } from '../../e2e/squall.ts';

/** Scenarios of this folder, each with every policy as a variant. */
export const LOADS = ['steps', 'spikes', 'day'] as const;

/** Compares the policies under one load, over as many seeds, and tells its Markdown table. */
export async function policyTable(load: string, seeds: number, jobs: number): Promise<string> {
  const out = mkdtempSync(join(tmpdir(), 'squall-policies-'));
  const file = join(import.meta.dirname, `${load}.ts`);
  const counts = ['--seeds', String(seeds), '--jobs', String(jobs)];
  try {
    const { stdout, stderr } = await squall(['run', file, '--platform', 'virtual', ...counts, '--out', out, '--json']);
    if (!stdout.startsWith('{')) throw new Error(`${load} has no result: ${stderr}`);
    return tableOf(JSON.parse(stdout) as VariantsDocument);
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/** Markdown table of a comparison: means over the seeds, with 95 % intervals. */
export function tableOf({ why, deadlines, seeds, variants }: VariantsDocument): string {
  const rows = variants.map(({ name, figures, differences, onFrontier, dominatedBy }) => {
    const { withinSlo, latencyP99, replicaHours, oscillations } = figures;
    const saved = differences?.replicaHours ?? null;
    const frontier = onFrontier ? 'yes' : dominatedBy ? `no: ${dominatedBy.name}` : '–';
    const cells = [
      shown(withinSlo, 1, ' %'),
      shown(latencyP99 && scaled(latencyP99, 1e-3), 2, ' s'),
      shown(replicaHours, 2),
      saved ? shown(saved, 0, ' %') : '–',
      shown(oscillations, 1),
    ];
    return `| ${[name, ...cells, frontier].join(' | ')} |`;
  });
  return [
    `${why} Within SLO: ${deadlines}; ${seeds.length} seeds.`,
    '',
    '| policy | within SLO | P99 latency | replica-hours | against the first | changes of direction | on the frontier |',
    `|${' --- |'.repeat(7)}`,
    ...rows,
  ].join('\n');
}

function scaled({ mean, lower, upper, samples }: Estimate, by: number): Estimate {
  return {
    mean: mean * by,
    lower: lower === null ? null : lower * by,
    upper: upper === null ? null : upper * by,
    samples,
  };
}

/** `97.3 % (96.8–97.8)`. */
function shown(estimate: Estimate | null, digits: number, unit = ''): string {
  if (!estimate) return 'beyond every value';
  const { mean, lower, upper } = estimate;
  const interval = lower === null || upper === null ? '' : ` (${lower.toFixed(digits)} to ${upper.toFixed(digits)})`;
  return `${mean.toFixed(digits)}${unit}${interval}`;
}
