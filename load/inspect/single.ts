import type { Clock } from '../../harness/clock.ts';
import type { LoadJob } from '../../harness/contracts.ts';
import type { ChatWorkload, LoadPlan } from '../../harness/plan.ts';
import { errorKind, type LoadNote, type RequestRecord } from '../../harness/requests.ts';
import { StreamRequest } from '../stream/request.ts';
import { Notes } from '../stream/response/notes.ts';
import { StreamOptions } from '../stream/stream-options.ts';
import type { RequestTask, Target } from '../stream/task.ts';
import { TurnMaker } from '../stream/turn.ts';

/** Tokens of the prompt of {@link smallTask}. */
const PROMPT_TOKENS = 8;

/** Result of one request outside of a schedule. */
export interface SingleResult {
  readonly record: RequestRecord;
  /** Transport failure, if that is how it ended. */
  readonly cause: Error | undefined;
  readonly notes: readonly LoadNote[];
}

/** A request on its way; `cut` ends it. */
export interface SingleRequest {
  readonly done: Promise<SingleResult>;
  cut(): void;
}

/**
 * Request of a load with a prompt of a few tokens and `outputTokens` to answer; plain HTTP as it is. It has the headers, the body and
 * the credentials of the load. Its id names it as a probe.
 * @param name of the request among the probes of the run, such as its number
 */
export function smallTask(
  job: LoadJob,
  outputTokens: number,
  name: number | string,
  streamOptions = new StreamOptions(false),
): RequestTask {
  const { workload } = job.plan;
  const { clients: _, trace: __, ...plan }: LoadPlan = job.plan;
  const small = {
    ...job,
    plan: workload.kind === 'http' ? plan : { ...plan, workload: shortened(workload, outputTokens) },
  };
  const turn = { dueMs: 0, session: 0, turn: 0, user: null };
  return new TurnMaker(small, undefined, streamOptions).task(turn, 0, `probe-${name}`);
}

function shortened(
  { sessions: _, sharedPrefix: __, duplicates: ___, prompts: ____, ...workload }: ChatWorkload,
  outputTokens: number,
): ChatWorkload {
  const fixed = (value: number) => ({ kind: 'fixed', value }) as const;
  return { ...workload, promptTokens: fixed(PROMPT_TOKENS), outputTokens: fixed(outputTokens) };
}

/** Sends one request, read like those of a load. @param limitMs longest wait from token to token */
export function sendSingle(
  task: RequestTask,
  target: Target,
  {
    clock,
    limitMs,
    streamOptions = new StreamOptions(false),
  }: {
    readonly clock: Clock;
    readonly limitMs: number;
    readonly streamOptions?: StreamOptions;
  },
): SingleRequest {
  const { promise, resolve } = Promise.withResolvers<SingleResult>();
  const notes = new Notes();
  const request = new StreamRequest(task, target, {
    ...{ clock, startAtMs: clock.nowMs(), idleTimeoutMs: limitMs, notes, streamOptions },
    firstToken: () => {},
    // What explains a failure is noted once the rest of its body is in.
    settled: (_request, record, cause) =>
      void clock.after(record.outcome === 'ok' ? 0 : EXPLAINED_MS, () =>
        resolve({ record, cause, notes: notes.list() }),
      ),
  });
  request.send();
  return { done: promise, cut: () => request.cut('interrupted') };
}

/** Time for the body of a failure to arrive, in ms. */
const EXPLAINED_MS = 50;

/** Failure of a request in words: `404: no model nope here, there is my-model`. @param text of a note, see `failureText` */
export function failureOf({ record, cause, notes }: SingleResult, text: (note: LoadNote) => string): string {
  const note = notes.find(({ type, name }) => type === 'failure' && name === errorKind(record));
  return note?.example ? text(note) : (cause?.message ?? errorKind(record));
}
