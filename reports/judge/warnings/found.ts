import { isStreamed, type RunPlan } from '../../../harness/plan.ts';
import { requestsIn } from '../../../harness/windows.ts';
import { formatPercent } from '../../rounding.ts';
import type { RunDocument } from '../../store/run-document.ts';
import type { RunFacts } from '../check.ts';
import type { CacheUse } from '../counters.ts';
import { bufferedRemark, DELIVERY } from '../delivery.ts';
import { blindness } from './blind.ts';

/** Limit of the difference between planned and counted prompt tokens; beyond it the load was another than planned. */
const MAX_PROMPT_DIFFERENCE = 0.1;
/** Limit of the ratio of prompt tokens from a prefix cache where the workload shares none. */
const MAX_CACHED_RATIO = 0.1;
/** Tokens that a chat template puts before every prompt, which a cache knows after the first. */
const TEMPLATE_TOKENS = 32;

/**
 * Warnings of a run, as sentences: those that were known before it, then what its requests show.
 * @param use of the engines' prefix caches during the load
 */
export function warningsOf(run: RunFacts, load: RunDocument['load'], use: CacheUse | null): string[] {
  const whole = run.windows.find(({ name }) => name === 'whole');
  const found = [
    promptDifference(run.plan, load),
    cacheHits(run.plan, load, use),
    ...blindness(run.events),
    whole && isStreamed(run.plan.load.workload) && bufferedRemark(DELIVERY.of(requestsIn(whole, run.records))),
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

/** Prompts from a cache, by the usage of this run's responses or else by the engines' counters, which know other clients, too. */
function cacheHits(
  plan: RunPlan,
  { promptTokens, sent }: RunDocument['load'],
  use: CacheUse | null,
): string | undefined {
  const byUsage = promptTokens?.cached !== undefined;
  const [cached, of, requests] = byUsage
    ? [promptTokens.cached!, promptTokens.counted, promptTokens.requests]
    : [use?.hits ?? 0, use?.queries ?? 0, sent];
  const isTemplate = cached <= TEMPLATE_TOKENS * requests && cached <= of / 2;
  if (cached <= MAX_CACHED_RATIO * of || isTemplate || sharesPrompts(plan)) return undefined;
  const source = byUsage ? "the server's prefix cache" : "the engines' prefix caches, by their counters";
  return `${formatPercent(cached, of)} of the prompt tokens came from ${source}, although the workload shares none: times to first token are those of a warm cache. Change \`--salt\`, or restart the server; look for other clients that send the same prompts.`;
}

/** Whether a workload asks for prompts that a cache knows, or does not say what its prompts are. */
function sharesPrompts({ load: { workload, clients } }: RunPlan): boolean {
  const workloads = [workload, ...(clients?.classes ?? []).map(one => one.workload)];
  return workloads.some(
    one =>
      one.kind === 'http' || ('prompts' in one && one.prompts) || one.sharedPrefix || one.duplicates || one.sessions,
  );
}
