import { isStreamed, type RunPlan } from '../../../harness/plan.ts';
import { requestsIn } from '../../../harness/windows.ts';
import { formatPercent } from '../../rounding.ts';
import type { RunDocument } from '../../store/run-document.ts';
import type { RunFacts } from '../check.ts';
import { bufferedRemark, deliveryOf } from '../delivery.ts';

/** Limit of the difference between planned and counted prompt tokens; beyond it the load was another than planned. */
const MAX_PROMPT_DIFFERENCE = 0.1;
/** Limit of the ratio of prompt tokens from a prefix cache where the workload shares none. */
const MAX_CACHED_RATIO = 0.5;

/** Warnings of a run, as sentences: those that were known before it, then what its requests show. */
export function warningsOf(run: RunFacts, load: RunDocument['load']): string[] {
  const whole = run.windows.find(({ name }) => name === 'whole');
  const found = [
    promptDifference(run.plan, load),
    cacheHits(run.plan, load),
    whole && isStreamed(run.plan.load.workload) && bufferedRemark(deliveryOf(requestsIn(whole, run.records))),
  ];
  return [...(run.plan.warnings ?? []), ...found.filter(warning => typeof warning === 'string')];
}

function promptDifference({ load }: RunPlan, { promptTokens }: RunDocument['load']): string | undefined {
  // Prompts from a file have the length that they have.
  if (!promptTokens || ('prompts' in load.workload && load.workload.prompts)) return undefined;
  const { planned, counted } = promptTokens;
  if (Math.abs(counted - planned) <= MAX_PROMPT_DIFFERENCE * planned) return undefined;
  const [difference, more] = [formatPercent(Math.abs(counted - planned), planned), counted > planned];
  return `Prompts had ${counted} tokens by the server's count, ${difference} ${more ? 'more' : 'fewer'} than the ${planned} planned: its tokenizer and chat template differ from the estimate. Multiply \`load.workload.promptTokens\` by ${Number((planned / counted).toPrecision(2))} to send what was planned.`;
}

function cacheHits({ load: { workload } }: RunPlan, { promptTokens }: RunDocument['load']): string | undefined {
  if (!promptTokens?.cached || workload.kind === 'http') return undefined;
  const { sharedPrefix, duplicates, sessions, prompts } = workload;
  if (
    sharedPrefix ||
    duplicates ||
    sessions ||
    prompts ||
    promptTokens.cached <= MAX_CACHED_RATIO * promptTokens.counted
  )
    return undefined;
  const ratio = formatPercent(promptTokens.cached, promptTokens.counted);
  return `${ratio} of the prompt tokens came from the server's prefix cache, although the workload shares none: times to first token are those of a warm cache.`;
}
