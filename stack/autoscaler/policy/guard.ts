import { messageOf } from '../../../harness/errors.ts';
import { boundLimitText, boundText } from '../decision-text.ts';
import type { Policy, PolicyDecision, PolicyInput } from './policy.ts';
import { bounded } from './window.ts';

/** What is left of a policy's decision when it may be carried out. */
export interface Guarded {
  /** Within the bounds. */
  readonly replicas: number;
  /** What the policy asked for; undefined if that was no decision. */
  readonly wanted?: number;
  readonly reason: string;
  readonly state: unknown;
  readonly values?: Readonly<Record<string, number>>;
  /** What kept the replicas from what was wanted. */
  readonly limit?: 'TooManyReplicas' | 'TooFewReplicas' | 'MissingMetrics' | 'PolicyFailed';
}

/**
 * Asks a policy, and makes its response safe: never outside the bounds, never down while a metric that it needs is unknown or measured in
 * part only, and as it was if the policy throws or returns nonsense.
 * @param partial names of metrics that were measured of some replicas only
 */
export function guarded<Options>(
  policy: Policy<unknown, Options>,
  options: Options,
  input: PolicyInput,
  partial: readonly string[] = [],
): Guarded {
  const { replicas: current, metrics, state } = input;
  const inBounds = bounded(current, input);
  if (inBounds !== current) return { replicas: inBounds, reason: boundText(input, current), state };
  let decision: PolicyDecision;
  try {
    decision = checked(policy.decide(frozen(input), options));
  } catch (error) {
    return {
      replicas: current,
      reason: `the policy failed: ${shortened(messageOf(error))}`,
      state,
      limit: 'PolicyFailed',
    };
  }
  const { replicas: wanted, values } = decision;
  const kept = { wanted, reason: shortened(decision.reason), state: 'state' in decision ? decision.state : state };
  const rest = { ...kept, ...(values && { values }) };
  if (wanted < current) {
    const missing = unknownIn(policy, metrics, partial);
    if (missing !== undefined)
      return { ...rest, replicas: current, reason: `${kept.reason}, not down: ${missing}`, limit: 'MissingMetrics' };
  }
  const replicas = bounded(wanted, input);
  if (replicas === wanted) return { ...rest, replicas };
  const limit = wanted > replicas ? 'TooManyReplicas' : 'TooFewReplicas';
  return { ...rest, replicas, reason: `${kept.reason}, ${boundLimitText(input, limit)}`, limit };
}

/** Clause on the first metric that is needed and not known; undefined if all are. */
function unknownIn(
  policy: Pick<Policy<unknown, never>, 'metrics' | 'mayBeMissing'>,
  metrics: PolicyInput['metrics'],
  partial: readonly string[],
) {
  const { mayBeMissing = [] } = policy;
  const needed = Object.keys(policy.metrics).filter(name => !mayBeMissing.includes(name));
  const unknown = needed.find(name => metrics[name] === undefined);
  if (unknown !== undefined) return `${unknown} is unknown`;
  const incomplete = Object.keys(policy.metrics).find(name => partial.includes(name));
  return incomplete === undefined ? undefined : `${incomplete} lacks some replicas`;
}

function checked(decision: unknown): PolicyDecision {
  const found = (what: string) => new Error(`it returned ${what}; a decision is { replicas: 4, reason: 'why' }`);
  if (decision instanceof Promise) throw found('a promise');
  if (typeof decision !== 'object' || decision === null) throw found(`${String(decision).slice(0, 40)}`);
  const { replicas, reason, values } = decision as Partial<PolicyDecision>;
  if (!Number.isSafeInteger(replicas) || replicas! < 0)
    throw found(`${inWords(replicas)} replicas, which is no whole number from 0`);
  if (typeof reason !== 'string') throw found('no reason');
  const isRecord = typeof values === 'object' && values !== null && Object.values(values).every(Number.isFinite);
  if (values !== undefined && !isRecord) throw found('values that are no finite numbers');
  return decision as PolicyDecision;
}

/** With quotes around a text, which else looks like the number. */
function inWords(value: unknown): string {
  return (typeof value === 'string' ? JSON.stringify(value) : String(value)).slice(0, 40);
}

/** A policy cannot change what others see. */
function frozen(input: PolicyInput): PolicyInput {
  return Object.freeze({
    ...input,
    metrics: Object.freeze({ ...input.metrics }),
    pods: Object.freeze(input.pods.map(pod => Object.freeze({ ...pod }))),
  });
}

function shortened(text: string): string {
  const line = text.replace(/\s+/g, ' ');
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}
