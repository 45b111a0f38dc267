import { pathFrom } from '../../harness/input/files.ts';
import type { Api, ChatWorkload, HttpWorkload, Lengths, PromptsPlan, Workload } from '../../harness/plan.ts';
import { readPrompts } from '../../load/request/prompts-file.ts';
import { API_PATHS } from '../../load/request/request.ts';
import type { Environment } from '../../load/request/secrets.ts';
import { hashFile, requireSameFile } from '../../load/trace/lines.ts';
import { badScenario } from '../bad-scenario.ts';
import { type ApiBase, apiPath, withQuery } from '../target/base-url.ts';
import { compileHeaders } from './compile-headers.ts';
import type { ChatInput, HttpInput, WorkloadInput } from './workload-schema.ts';
import { type WorkloadName, workloads } from './workloads.ts';

/** What a workload depends on beside its own section. */
export interface WorkloadContext {
  readonly model: string;
  /** Whether the load has a trace, which lengths can be taken from. */
  readonly hasTrace: boolean;
  /** Whether the arrivals are those of the trace. */
  readonly isReplay: boolean;
  /** Base of relative paths. */
  readonly folder: string;
  /** Where the target has its APIs; undefined for a stack that Squall starts. */
  readonly base: ApiBase | undefined;
  /** Path of the requests, instead of that of their API. */
  readonly path: string | undefined;
  readonly environment: Environment | null;
}

/**
 * The workload of a load; by default `chat-short`, or the lengths of the replayed trace.
 * @throws SquallError that names the field
 */
export function compileWorkload(workload: WorkloadInput | undefined, context: WorkloadContext): Workload {
  if (typeof workload === 'object' && workload.kind === 'http') return httpWorkload(workload, context);
  if (workload === undefined && context.isReplay) {
    const traced = { name: 'trace', promptTokens: { kind: 'trace' }, outputTokens: { kind: 'trace' } } as const;
    return { ...traced, model: context.model, ...pathOf('chat', context) };
  }
  const own = typeof workload === 'object' ? workload : { preset: workload ?? 'chat-short' };
  return chatWorkload(undefined, own, 'load.workload', context);
}

/**
 * The workload of a class: the load's, with the changes of the class.
 * @throws SquallError that names the field
 */
export function changeWorkload(base: Workload, own: ChatInput, field: string, context: WorkloadContext): Workload {
  if (base.kind === 'http') throw badScenario(field, 'left out, since the workload is plain HTTP', own);
  return chatWorkload(base, own, field, context);
}

/** Parts of a body that are decided elsewhere, and where. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  model: 'load.model',
  messages: 'load.workload',
  prompt: 'load.workload',
  input: 'load.workload',
  stream: 'load.workload.stream',
};

/**
 * Requires that changes of the body leave alone what other fields decide.
 * @throws SquallError that names the field
 */
export function requireBody(body: Readonly<Record<string, unknown>>, workload: Workload): void {
  if (workload.kind === 'http')
    throw badScenario('load.body', 'left out, since plain HTTP has a body of its own, `load.workload.body`', body);
  const key = Object.keys(body).find(name => Object.hasOwn(ELSEWHERE, name));
  if (key !== undefined)
    throw badScenario(`load.body.${key}`, `left out, since \`${ELSEWHERE[key]}\` decides it`, body[key]);
}

function chatWorkload(
  base: ChatWorkload | undefined,
  own: ChatInput,
  field: string,
  context: WorkloadContext,
): ChatWorkload {
  const { preset, promptTokens, outputTokens } = own;
  const from: Partial<ChatWorkload> = { ...base, ...(preset === undefined ? {} : workloads[preset as WorkloadName]) };
  const lengths = (key: 'promptTokens' | 'outputTokens', given: Lengths | undefined): Lengths => {
    const found = given ?? from[key];
    if (!found) throw badScenario(`${field}.${key}`, 'given, since there is no `preset`', given);
    if ('kind' in found && found.kind === 'trace' && !context.hasTrace)
      throw badScenario(`${field}.${key}`, 'of another kind, since there is no `load.trace`', given);
    return found;
  };
  const api = own.api ?? from.api ?? 'chat';
  const prompts = own.prompts ? compilePrompts(own, field, api, context) : from.prompts;
  const { sharedPrefix = from.sharedPrefix, duplicates = from.duplicates, sessions = from.sessions } = own;
  requireApi(api, own, base, field, context);
  const workload: ChatWorkload = {
    name: own.name ?? from.name ?? 'custom',
    model: context.model,
    ...(api !== 'chat' && { api }),
    ...streamOf(api, own, from),
    ...pathOf(api, context),
    ...(prompts && { prompts }),
    promptTokens: prompts && promptTokens === undefined ? { kind: 'prompts' } : lengths('promptTokens', promptTokens),
    outputTokens: lengths('outputTokens', outputTokens ?? (api === 'embeddings' ? NOTHING : undefined)),
    ...(sharedPrefix && { sharedPrefix }),
    ...(duplicates && { duplicates }),
    ...(sessions && { sessions }),
  };
  requireConsistent(workload, field, context);
  return workload;
}

/** Length of an answer that has none. */
const NOTHING: Lengths = { kind: 'fixed', value: 1 };

/** Requires an API that the server and the load's path can have. */
function requireApi(
  api: Api,
  { stream }: ChatInput,
  base: ChatWorkload | undefined,
  field: string,
  context: WorkloadContext,
): void {
  if (api === 'embeddings' && !context.base)
    throw badScenario(
      `${field}.api`,
      'chat or completions, since the stack that Squall starts has no embeddings (a --target may)',
      api,
    );
  if (api === 'embeddings' && stream)
    throw badScenario(`${field}.stream`, 'left out, since embeddings are no stream', stream);
  if (context.path !== undefined && base && api !== (base.api ?? 'chat'))
    throw badScenario(`${field}.api`, "left out, since `load.path` is that of the load's API", api);
}

function streamOf(api: Api, { stream: given }: ChatInput, from: Partial<ChatWorkload>): Pick<ChatWorkload, 'stream'> {
  if (api === 'embeddings') return { stream: false };
  const stream = given ?? (from.api === 'embeddings' ? undefined : from.stream);
  return stream === false ? { stream } : {};
}

/** Requires that parts of a workload go together, those of a class with those that it takes from the load. */
function requireConsistent(workload: ChatWorkload, field: string, { isReplay }: WorkloadContext): void {
  const { api = 'chat', prompts, promptTokens, sharedPrefix, sessions } = workload;
  if (sessions && isReplay)
    throw badScenario(`${field}.sessions`, 'left out, since each row of a replayed trace is one request', sessions);
  if (sessions && api !== 'chat')
    throw badScenario(`${field}.sessions`, `left out, since the API ${api} has no messages`, sessions);
  if (!prompts) return;
  const isTheirs = 'kind' in promptTokens && promptTokens.kind === 'prompts';
  const others = { promptTokens: isTheirs ? undefined : promptTokens, sharedPrefix, sessions };
  for (const [key, found] of Object.entries(others))
    if (found) throw badScenario(`${field}.${key}`, 'left out, since `prompts` come from a file', found);
}

/** Path of the requests of an API; absent where it is the usual one. */
function pathOf(api: Api, { path, base }: WorkloadContext): Pick<ChatWorkload, 'path'> {
  const found = path === undefined ? (base ? apiPath(base, api) : API_PATHS[api]) : withQuery(path, base?.query ?? '');
  return found === API_PATHS[api] ? {} : { path: found };
}

/** Reads the prompts, so that errors in them surface before anything starts. */
function compilePrompts({ prompts }: ChatInput, field: string, api: Api, { folder }: WorkloadContext): PromptsPlan {
  const file = pathFrom(prompts!.file, folder);
  const sha256 = prompts!.sha256 ?? hashFile(file, 'prompts');
  if (prompts!.sha256 !== undefined) requireSameFile({ file, sha256 }, 'prompts');
  const row = readPrompts(file).findIndex(
    ({ messages }) => messages.length > 1 || typeof messages[0]?.content !== 'string',
  );
  if (api !== 'chat' && row >= 0)
    throw badScenario(
      `${field}.prompts.file`,
      `of single texts, since the API ${api} has no messages`,
      `messages in prompt ${row + 1}`,
    );
  return { file, sha256 };
}

function httpWorkload(
  { name, method, path, headers, body, expect }: HttpInput,
  context: WorkloadContext,
): HttpWorkload {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  if (text !== '' && (method === 'GET' || method === 'HEAD'))
    throw badScenario('load.workload.body', `left out with ${method}`, body);
  if (context.path !== undefined)
    throw badScenario(
      'load.path',
      'left out, since plain HTTP has a path of its own, `load.workload.path`',
      context.path,
    );
  const { status, bodyContains, maxBytes } = expect;
  const own = compileHeaders(headers, 'load.workload.headers', context.environment);
  const isJson = typeof body !== 'string' && own['content-type'] === undefined;
  return {
    kind: 'http',
    name: name ?? `${method} ${path}`,
    model: '',
    method,
    path: withQuery(path, context.base?.query ?? ''),
    headers: { ...(isJson && { 'content-type': 'application/json' }), ...own },
    body: text,
    expect: { status: [status ?? []].flat(), bodyContains: bodyContains ?? null, maxBytes },
  };
}
