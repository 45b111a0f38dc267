import type { Distribution } from '../../harness/distribution.ts';
import type { ClientsPlan, PatiencePlan, RetryPlan, UserClass, Workload } from '../../harness/plan.ts';
import { parseDurationMs } from '../../harness/quantity.ts';
import { badScenario } from '../bad-scenario.ts';
import type { ClientsInput } from './clients-schema.ts';
import { type CompileWorkload, changeWorkload } from './compile-workload.ts';
import { rangeMs } from './range.ts';

/** Nobody waits for longer; bounds what a distribution would spread without end. */
const LONGEST_MS = 3_600_000;

/**
 * How clients behave.
 * @param workload of those whose class says nothing else
 * @throws SquallError that names the field
 */
export function compileClients(clients: ClientsInput, workload: Workload, context: CompileWorkload): ClientsPlan {
  const classes = clients.classes ?? [];
  const twice = classes.find(({ name }, index) => classes.findIndex(other => other.name === name) !== index);
  if (twice) throw badScenario('load.clients.classes', 'every `name` only once', twice.name);
  return {
    retry: compileRetry(clients.retry),
    patience: clients.patience ? compilePatience(clients.patience, 'load.clients.patience') : null,
    classes: classes.map((own, index): UserClass => {
      const field = `load.clients.classes[${index}]`;
      if (own.key?.startsWith('env:') && process.env[own.key.slice(4)] === undefined)
        throw badScenario(`${field}.key`, 'the name of an environment variable that is set', own.key);
      return {
        name: own.name,
        weight: own.weight,
        ...(own.key !== undefined && { key: own.key }),
        ...(own.priority !== undefined && { priority: own.priority }),
        workload: own.workload ? changeWorkload(workload, own.workload, `${field}.workload`, context) : workload,
        ...(own.patience && { patience: compilePatience(own.patience, `${field}.patience`) }),
      };
    }),
  };
}

const EXPONENTIAL = {
  kind: 'exponential',
  most: 3,
  base: '1s',
  longest: '60s',
  jitter: 'full',
  retryAfter: true,
} as const;
const NAMED = {
  naive: { kind: 'naive', most: 3 },
  exponential: EXPONENTIAL,
  budgeted: { ...EXPONENTIAL, kind: 'budgeted', budgetRatio: 0.2 },
} as const;

function compileRetry(retry: ClientsInput['retry']): RetryPlan | null {
  if (retry === 'none') return null;
  const chosen = typeof retry === 'string' ? NAMED[retry] : retry;
  if (chosen.kind === 'naive')
    return { most: chosen.most, baseMs: 0, maxMs: 0, jitter: 'none', retryAfter: false, budgetRatio: null };
  const baseMs = parseDurationMs(chosen.base, 'load.clients.retry.base');
  const maxMs = parseDurationMs(chosen.longest, 'load.clients.retry.longest');
  if (maxMs < baseMs)
    throw badScenario('load.clients.retry.longest', `at least \`base\` (${chosen.base})`, chosen.longest);
  const { most, jitter, retryAfter } = chosen;
  const budgetRatio = chosen.kind === 'budgeted' ? chosen.budgetRatio : null;
  return { most, baseMs, maxMs, jitter, retryAfter, budgetRatio };
}

function compilePatience({ after, until, counts }: NonNullable<ClientsInput['patience']>, field: string): PatiencePlan {
  return { afterMs: timesMs(after, `${field}.after`), until, counts };
}

function timesMs(times: NonNullable<ClientsInput['patience']>['after'], field: string): Distribution {
  const ms = (text: string, at = field) => parseDurationMs(text, at);
  if (typeof times === 'string') return { kind: 'fixed', value: ms(times) };
  if (Array.isArray(times)) return rangeMs(times, field);
  const bounds = { min: 0, max: LONGEST_MS };
  switch (times.kind) {
    case 'normal':
      return {
        kind: 'normal',
        mean: ms(times.mean, `${field}.mean`),
        deviation: ms(times.deviation, `${field}.deviation`),
        ...bounds,
      };
    case 'lognormal':
      return { kind: 'lognormal', median: ms(times.median, `${field}.median`), sigma: times.sigma, ...bounds };
    case 'empirical':
      return { kind: 'empirical', values: times.values.map((value, i) => ms(value, `${field}.values[${i}]`)) };
  }
}
