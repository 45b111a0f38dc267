import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SquallError } from '../../harness/errors.ts';
import type { RunPlan } from '../../harness/plan.ts';
import { type Comparison, compareVariants } from '../../reports/judge/variants/compare.ts';
import { ARTIFACTS } from '../../reports/publish.ts';
import { renderVariantsHtml } from '../../reports/render/variants/html.ts';
import { renderVariantsMarkdown } from '../../reports/render/variants/markdown.ts';
import type { VariantRun, VariantsDocument } from '../../reports/store/variants-document.ts';
import type { VariantTask } from './variant-run.ts';

/** Options of {@link runVariants}. */
export interface RunVariantsOptions extends Omit<Comparison, 'runs' | 'interrupted'> {
  /** Folder of the comparison, which exists. */
  readonly folder: string;
  /** Runs at once. */
  readonly jobs: number;
  readonly signal: AbortSignal;
  /** Runs one. @throws an error that ends all of them, and the reason of the signal */
  readonly run: (task: VariantTask) => Promise<VariantRun>;
  readonly onRun?: (run: VariantRun, done: number, all: number) => void;
}

/**
 * Runs each variant with each seed, seed by seed, so that whatever changes on the machine meanwhile meets all variants, and writes
 * `variants.json`, `report.html` and `summary.md` of the comparison. On abort what has ended is compared.
 * @throws the first error of a run
 */
export async function runVariants(options: RunVariantsOptions): Promise<VariantsDocument> {
  const { folder, jobs, signal, run, onRun, ...comparison } = options;
  const tasks = comparison.seeds.flatMap(seed => comparison.variants.map(({ name }) => ({ variant: name, seed })));
  const all = tasks.length;
  const runs: VariantRun[] = [];
  const carryOut = async () => {
    for (let task = tasks.shift(); task && !signal.aborted; task = tasks.shift()) {
      const ended = await run(task);
      runs.push(ended);
      onRun?.(ended, runs.length, all);
    }
  };
  await Promise.all(Array.from({ length: jobs }, carryOut)).catch(error => {
    tasks.length = 0;
    if (!signal.aborted) throw error;
  });
  const document = compareVariants({ ...comparison, interrupted: signal.aborted, runs });
  writeVariants(folder, document);
  return document;
}

/** Writes the files of a comparison, for this user alone; the same document gives the same bytes. */
function writeVariants(folder: string, document: VariantsDocument): void {
  const files = {
    'variants.json': `${JSON.stringify(document, null, 2)}\n`,
    [ARTIFACTS.html]: renderVariantsHtml(document),
    [ARTIFACTS.markdown]: renderVariantsMarkdown(document),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
}

/**
 * Checks that variants are compared under one load and by the same SLOs.
 * @param plans by variant, the first of them the measure of the others
 * @throws SquallError `BAD_SCENARIO` that names the variant
 */
export function requireSameLoad(plans: ReadonlyMap<string, RunPlan>): void {
  const [[first, measure]] = plans as unknown as [[string, RunPlan]];
  const shared = ({ load, slos }: RunPlan) => {
    const { ramps, arrivals, workload, trace } = load;
    return { '`load`': JSON.stringify([ramps, arrivals, workload, trace]), '`slos`': JSON.stringify(slos) };
  };
  for (const [name, plan] of plans)
    for (const [field, text] of Object.entries(shared(plan)))
      if (text !== shared(measure)[field as keyof ReturnType<typeof shared>])
        throw new SquallError(
          'scenario',
          'BAD_SCENARIO',
          `Expected \`variants.${name}\` to keep the ${field} of \`variants.${first}\` (stages, arrivals and workload; SLOs), found another`,
          { next: 'Variants are compared under one load; leave that to the scenario, and vary `stack`.' },
        );
}
