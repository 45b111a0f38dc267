import type { ChatWorkload, HttpWorkload, Lengths, Workload } from '../../harness/plan.ts';
import { badScenario } from '../bad-scenario.ts';
import type { ChatInput, HttpInput, WorkloadInput } from './workload-schema.ts';
import { type WorkloadName, type WorkloadPreset, workloads } from './workloads.ts';

/** What a workload stands in. */
export interface CompileWorkload {
  readonly model: string;
  /** Whether there is a trace to take lengths from, and whether it is replayed. */
  readonly hasTrace: boolean;
  readonly isReplay: boolean;
}

/**
 * The workload of a load; by default `chat-short`, or what the trace says that is replayed.
 * @throws SquallError that names the field
 */
export function compileWorkload(workload: WorkloadInput | undefined, context: CompileWorkload): Workload {
  const field = 'load.workload';
  if (workload === undefined) {
    const traced = { name: 'trace', promptTokens: { kind: 'trace' }, outputTokens: { kind: 'trace' } } as const;
    return { ...(context.isReplay ? traced : workloads['chat-short']), model: context.model };
  }
  if (typeof workload === 'string') return { ...presetOf(workload), model: context.model };
  if (workload.kind === 'http') return httpWorkload(workload);
  return chatWorkload(undefined, workload, field, context);
}

/**
 * The workload of a class: the load's, with what the class says instead.
 * @throws SquallError that names the field
 */
export function changeWorkload(base: Workload, own: ChatInput, field: string, context: CompileWorkload): Workload {
  if (base.kind === 'http') throw badScenario(field, 'left out, for the workload is plain HTTP', own);
  return chatWorkload(base, own, field, context);
}

function presetOf(name: string): WorkloadPreset {
  return workloads[name as WorkloadName];
}

function chatWorkload(
  base: ChatWorkload | undefined,
  own: ChatInput,
  field: string,
  context: CompileWorkload,
): ChatWorkload {
  const { preset, promptTokens, outputTokens, sharedPrefix, duplicates, sessions } = own;
  const from: Partial<ChatWorkload> = { ...base, ...(preset === undefined ? {} : presetOf(preset)) };
  const lengths = (key: 'promptTokens' | 'outputTokens', given: ChatInput['promptTokens']): Lengths => {
    const found = given ?? from[key];
    if (!found) throw badScenario(`${field}.${key}`, 'given, for there is no `preset`', given);
    if ('kind' in found && found.kind === 'trace' && !context.hasTrace)
      throw badScenario(`${field}.${key}`, 'of another kind, for there is no `load.trace`', given);
    return found;
  };
  if ((sessions ?? from.sessions) && context.isReplay)
    throw badScenario(`${field}.sessions`, 'left out, for each row of a replayed trace is one request', sessions);
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
