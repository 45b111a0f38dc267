import { checkOf, type Evidence, type Finding, type Objective, undecided, verdictOf } from '../../check.ts';
import { costOf } from '../../elasticity/cost.ts';

const UNITS = ['requests', 'tokens', 'output-tokens'] as const;

interface CostObjective extends Objective {
  readonly count: number;
  readonly of: (typeof UNITS)[number];
}

/** `cost(1000 requests) <= 0.4 $`, `cost(1M tokens) <= 2 $`: price of completed requests, or of the tokens of prompts and outputs. */
export const check = checkOf<CostObjective>({
  kind: 'cost',
  words: ['cost'],
  parse(statement) {
    const argument = statement.required('an amount, such as (1000 requests) or (1M tokens),');
    const [, digits, factor = '', unit] = /^(\d+(?:\.\d+)?)\s*([kM]?)\s+([a-z-]+)$/.exec(argument) ?? [];
    const count = Number(digits) * { '': 1, k: 1000, M: 1_000_000 }[factor as '' | 'k' | 'M'];
    if (!(count > 0))
      throw statement.badArgument(argument, 'an amount after cost, such as (1000 requests) or (1M tokens)');
    return { count, of: statement.oneOf(UNITS, 'a unit', unit), ...statement.atMost('$') };
  },
  judge,
});

/** Cost of the window over what completed of its requests; both bounds are the value itself. */
function judge(objective: CostObjective, { window, requests, run }: Evidence): Finding {
  const cost = costOf(run.plan, run.events, window.fromMs, window.toMs);
  if (!cost)
    return undecided(
      'inconclusive',
      'Nothing has a price: a target of your own has none, and replicas need `stack.inference.pricePerHour`.',
    );
  const completed = requests.filter(({ outcome }) => outcome === 'ok');
  const amount = completed.reduce((sum, { promptTokens, usedPromptTokens = promptTokens, outputTokens }) => {
    if (objective.of === 'requests') return sum + 1;
    return sum + outputTokens + (objective.of === 'tokens' ? usedPromptTokens : 0);
  }, 0);
  if (amount === 0)
    return undecided('inconclusive', `The window has no ${objective.of} that completed.`, requests.length);
  const measured = (cost.dollars * objective.count) / amount;
  const found = { measured, lower: measured, upper: measured, samples: completed.length };
  return {
    ...found,
    verdict: verdictOf(objective, found),
    reason: `${dollars(cost.dollars)} for ${amount} ${objective.of}: ${Number(cost.instances.toPrecision(3))} on average, ${cost.source}.`,
  };
}

function dollars(amount: number): string {
  return `${Number(amount.toPrecision(3))} $`;
}
