import type { ChatWorkload, HttpWorkload, Lengths, Workload } from '../../harness/plan.ts';
import { badScenario } from '../bad-scenario.ts';
import type { ChatInput, HttpInput, WorkloadInput } from './workload-schema.ts';
import { type WorkloadName, workloads } from './workloads.ts';

/** What a workload depends on beside its own section. */
export interface WorkloadContext {
  readonly model: string;
  /** Whether the load has a trace, which lengths can be taken from. */
  readonly hasTrace: boolean;
  /** Whether the arrivals are those of the trace. */
  readonly isReplay: boolean;
}

/**
 * The workload of a load; by default `chat-short`, or the lengths of the replayed trace.
 * @throws SquallError that names the field
 */
export function compileWorkload(workload: WorkloadInput | undefined, context: WorkloadContext): Workload {
  if (workload === undefined) {
    const traced = { name: 'trace', promptTokens: { kind: 'trace' }, outputTokens: { kind: 'trace' } } as const;
    return { ...(context.isReplay ? traced : workloads['chat-short']), model: context.model };
  }
  if (typeof workload === 'string') return { ...workloads[workload as WorkloadName], model: context.model };
  if (workload.kind === 'http') return httpWorkload(workload);
  return chatWorkload(undefined, workload, 'load.workload', context);
}

/**
 * The workload of a class: the load's, with the changes of the class.
 * @throws SquallError that names the field
 */
export function changeWorkload(base: Workload, own: ChatInput, field: string, context: WorkloadContext): Workload {
  if (base.kind === 'http') throw badScenario(field, 'left out, since the workload is plain HTTP', own);
  return chatWorkload(base, own, field, context);
}

function chatWorkload(
  base: ChatWorkload | undefined,
  own: ChatInput,
  field: string,
  context: WorkloadContext,
): ChatWorkload {
  const { preset, promptTokens, outputTokens, sharedPrefix, duplicates, sessions } = own;
  const from: Partial<ChatWorkload> = { ...base, ...(preset === undefined ? {} : workloads[preset as WorkloadName]) };
  const lengths = (key: 'promptTokens' | 'outputTokens', given: ChatInput['promptTokens']): Lengths => {
    const found = given ?? from[key];
    if (!found) throw badScenario(`${field}.${key}`, 'given, since there is no `preset`', given);
    if ('kind' in found && found.kind === 'trace' && !context.hasTrace)
      throw badScenario(`${field}.${key}`, 'of another kind, since there is no `load.trace`', given);
    return found;
  };
  if ((sessions ?? from.sessions) && context.isReplay)
    throw badScenario(`${field}.sessions`, 'left out, since each row of a replayed trace is one request', sessions);
  return {
    ...from,
    name: own.name ?? from.name ?? 'custom',
    model: context.model,
    promptTokens: lengths('promptTokens', promptTokens),
    outputTokens: lengths('outputTokens', outputTokens),
    ...(sharedPrefix && { sharedPrefix }),
    ...(duplicates && { duplicates }),
    ...(sessions && { sessions }),
  };
}

function httpWorkload({ name, method, path, headers, body, expect }: HttpInput): HttpWorkload {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  if (text !== '' && (method === 'GET' || method === 'HEAD'))
    throw badScenario('load.workload.body', `left out with ${method}`, body);
  const { status, bodyContains, maxBytes } = expect;
  const named = Object.keys(headers).some(header => header.toLowerCase() === 'content-type');
  const isJson = typeof body !== 'string' && !named;
  return {
    kind: 'http',
    name: name ?? `${method} ${path}`,
    model: '',
    method,
    path,
    headers: { ...(isJson && { 'content-type': 'application/json' }), ...headers },
    body: text,
    expect: { status: [status ?? []].flat(), bodyContains: bodyContains ?? null, maxBytes },
  };
}
