import { createRequire, stripTypeScriptTypes } from 'node:module';
import { createContext, Script } from 'node:vm';
import { z } from 'zod';
import { ruleSchema } from '../measure/rule.ts';
import type { Policy } from './policy.ts';

/** Options of a policy of the user's own. */
export const ownPolicyOptions = z.strictObject({
  file: z.string().min(1).describe('path of its file'),
  options: z.record(z.string(), z.unknown()).default({}).describe('what it is given as its second argument'),
  /** Its JavaScript, once a scenario is compiled. */
  text: z.string().optional().meta({ description: 'filled in by Squall: leave it out', deprecated: true }),
});

const metric = z.union([z.string().min(1), ruleSchema]);
const moduleSchema = z.object({
  metrics: z.record(z.string().min(1), metric).default({}),
  mayBeMissing: z.array(z.string()).default([]),
  decide: z.custom<Policy['decide']>(value => typeof value === 'function'),
});

const EXAMPLE =
  "`export default { metrics: { queue: 'vllm:num_requests_waiting' }, decide({ replicas, metrics }) { return { replicas, reason: '…' }; } }`";

/**
 * JavaScript of a policy's file, by itself: without types, and without imports, which a pure function does not need.
 * @param path by its extension it is TypeScript or JavaScript
 * @throws Error that says what is wrong with it
 */
export function ownPolicyText(path: string, text: string): string {
  if (!/\.m?[jt]s$/.test(path)) throw new Error('it is no .ts, .mts, .js or .mjs file');
  const script = /ts$/.test(path) ? withoutTypes(text) : text;
  const found = /^\s*(?:import\b(?!\s*[(.])|export\b[^;]*\bfrom\b)[^\n]*/m.exec(script)?.[0].trim();
  if (found === undefined) return script;
  throw new Error(
    `it imports: ${found.slice(0, 100)}. A policy is one file by itself; write \`import type\` for types`,
  );
}

/** The policy that a file exports by default. Runs the file. @throws Error that says what is wrong with it */
export function requireOwnPolicy(path: string): Policy {
  return policyIn(createRequire(import.meta.url)(path) as { default?: unknown });
}

/**
 * The policy of {@link ownPolicyText}. Each call runs the text anew, so that nothing is left of an earlier one.
 * @param maxMs in real time: a decision that takes longer is ended with an error, and none is asked for after it
 */
export async function importOwnPolicy(text: string, maxMs = MAX_DECISION_MS): Promise<Policy> {
  imports += 1;
  const policy = policyIn(
    await import(`data:text/javascript;base64,${Buffer.from(text).toString('base64')}#${imports}`),
  );
  return { ...policy, decide: limited(policy.decide, maxMs) };
}

/** One that never returns would keep a run in virtual time, whose services share a thread, from its end, and from Ctrl-C. */
const MAX_DECISION_MS = 5000;

function limited(decide: Policy['decide'], maxMs: number): Policy['decide'] {
  const script = new Script('call()');
  const context = createContext({});
  let isEndless = false;
  return (...args) => {
    let decision: ReturnType<Policy['decide']>;
    context.call = () => {
      decision = decide(...args);
    };
    try {
      if (!isEndless) script.runInContext(context, { timeout: maxMs });
    } catch (error) {
      isEndless = (error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
      if (!isEndless) throw error;
    }
    if (isEndless) throw new Error(`it did not return within ${maxMs / 1000} s, and is not called again`);
    return decision!;
  };
}

let imports = 0;

function policyIn(exported: { default?: unknown }): Policy {
  if (exported.default === undefined) throw new Error(`it has no default export; write ${EXAMPLE}`);
  const parsed = moduleSchema.safeParse(exported.default);
  if (parsed.success) {
    const { metrics, mayBeMissing } = parsed.data;
    // Bound, so that it may use `this`.
    const decide = (exported.default as Policy).decide.bind(exported.default);
    return { metrics: metrics as Policy['metrics'], mayBeMissing, decide };
  }
  const [issue] = parsed.error.issues;
  const field = issue?.path.join('.') ?? '';
  if (field === 'decide' || field === '')
    throw new Error(`its default export has no function \`decide\`; write ${EXAMPLE}`);
  throw new Error(`\`${field}\` of its default export ${issue?.message}; write ${EXAMPLE}`);
}

/** Node calls that experimental, in a warning that says nothing to users. */
function withoutTypes(text: string): string {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return stripTypeScriptTypes(text);
  } finally {
    process.emitWarning = emitWarning;
  }
}
