/**
 * The script that k6 runs for Squall. It takes everything from the plan in the file `SQUALL_PLAN`, and the `Authorization` header
 * from the variable `SQUALL_AUTHORIZATION`.
 *
 * With `SQUALL_CONTROL`, the URL of a collector on this machine, k6's clock is compared with the collector's, and it begins when
 * the collector says so. Without, as in a cluster, it begins at once.
 *
 * Every request is told in two lines on the log (`lines.ts`). Nothing rests on k6's own metrics.
 */
import { sleep } from 'k6';
import exec from 'k6/execution';
import http, { type Response } from 'k6/http';
import type { Options, Scenario } from 'k6/options';
import { maxUsers } from '../../../harness/arrivals/closed.ts';
import type { ChatWorkload } from '../../../harness/plan.ts';
import { talkOf } from '../../request/prompt.ts';
import { buildRequest } from '../../request/request.ts';
import { isRightBody, readWholeAnswer } from '../../request/whole-answer.ts';
import { Users } from '../../stream/users.ts';
import { isExpectedStatus } from '../../stream/wire/http-answer.ts';
import { type Answer, formatLine } from '../lines.ts';
import { k6Ramp } from '../stages.ts';
import type { ScriptPlan } from './plan.ts';

const plan: ScriptPlan = JSON.parse(open(__ENV.SQUALL_PLAN ?? 'plan.json'));
const control = __ENV.SQUALL_CONTROL;
const { first, step } = plan.partition;
const sender = { seed: plan.seed, authorization: __ENV.SQUALL_AUTHORIZATION ?? '', host: plan.host };
const expect = plan.workload.kind === 'http' ? plan.workload.expect : null;
/** Bytes that nobody looks into need not become text. */
const responseType = expect?.bodyContains === null ? 'binary' : 'text';
const COMPARISONS = 8;
/** Users begin a little before time, and k6 wants a second at least. */
const SPARE_MS = 1000;

/** k6's options: the executor of the plan's loop, and how long what is in flight at its end may take. */
export const options: Options = {
  scenarios: { load: { ...(plan.thinkTimeMs ? users() : arrivals()), gracefulStop: `${plan.timeoutMs + 10_000}ms` } },
  setupTimeout: '10m',
  teardownTimeout: '10s',
  maxRedirects: 0,
  // Nobody reads them here.
  ...(control ? { systemTags: [] } : {}),
  ...(plan.hosts ? { hosts: plan.hosts } : {}),
  // Of a pod the operator says which.
  ...(step > 1 ? executionSegment() : {}),
};

/**
 * An open loop: a virtual user for every request that may be in flight, none of them started late. A partition is one of `step` equal
 * execution segments; of all that the options say k6 takes that part, and it deals in turn only if virtual users divide evenly.
 */
function arrivals(): Scenario {
  const { startRate, stages } = k6Ramp(plan.ramps);
  return {
    executor: 'ramping-arrival-rate',
    startRate,
    timeUnit: '1h',
    stages: stages.map(({ target, durationMs }) => ({ target, duration: `${durationMs}ms` })),
    preAllocatedVUs: plan.maxInFlight * step,
    maxVUs: plan.maxInFlight * step,
  };
}

/**
 * A closed loop: one iteration a user, which lasts as long as the load. `ramping-vus` would take users away in the middle of a
 * think and bring them back with the rest of it; here they come and go as those of the streaming client do.
 */
function users(): Scenario {
  const { fromMs = 0 } = plan.ramps[0] ?? {};
  const { toMs = 0 } = plan.ramps.at(-1) ?? {};
  return {
    executor: 'per-vu-iterations',
    exec: 'beUser',
    vus: maxUsers(plan.ramps),
    iterations: 1,
    maxDuration: `${Math.ceil(toMs - fromMs) + SPARE_MS}ms`,
  };
}

function executionSegment(): Options {
  const bounds = Array.from({ length: step + 1 }, (_, index) => `${index}/${step}`);
  return { executionSegment: `${bounds[first]}:${bounds[first + 1]}`, executionSegmentSequence: bounds.join(',') };
}

/** What all virtual users are told. */
interface Begun {
  /** The load's start, on k6's clock. */
  readonly startAtMs: number;
}

/** Compares clocks, then waits until the collector lets it begin. */
export function setup(): Begun {
  if (!control) return { startAtMs: exec.instance.currentTestRunDuration - (plan.ramps[0]?.fromMs ?? 0) };
  let nearest = { roundTripMs: Number.POSITIVE_INFINITY, offsetMs: 0 };
  for (let i = 0; i < COMPARISONS; i += 1) {
    const beforeMs = exec.instance.currentTestRunDuration;
    const theirs = Number(http.get(`${control}/clock`).body);
    const afterMs = exec.instance.currentTestRunDuration;
    const roundTripMs = afterMs - beforeMs;
    if (roundTripMs < nearest.roundTripMs) nearest = { roundTripMs, offsetMs: theirs - (beforeMs + afterMs) / 2 };
  }
  return { startAtMs: Number(http.post(`${control}/begin`, JSON.stringify(nearest), { timeout: '10m' }).body) };
}

/** In an open loop one iteration is one request. */
export default function sendOne(): void {
  send(exec.scenario.iterationInTest, null);
}

/** In a closed loop one iteration is all that a user does. */
export function beUser({ startAtMs }: Begun): void {
  const crowd = new Users({ ...plan, thinkTimeMs: plan.thinkTimeMs! });
  const user = exec.vu.idInTest;
  let dueMs = crowd.firstMs(user);
  for (let request = user - 1; dueMs !== null; request += maxUsers(plan.ramps)) {
    sleepUntil(startAtMs + dueMs);
    dueMs = crowd.nextMs(user, send(request, startAtMs + dueMs) - startAtMs);
  }
}

function sleepUntil(atMs: number): void {
  const leftMs = () => atMs - exec.instance.currentTestRunDuration;
  while (leftMs() > 0) sleep(leftMs() / 1000);
}

/** @returns when the answer was in, on k6's clock */
function send(iteration: number, dueMs: number | null): number {
  try {
    const talk = (workload: ChatWorkload) => talkOf(workload, plan.seed, iteration);
    const { method, path, headers, body, promptTokens } = buildRequest(plan.workload, iteration, sender, talk);
    const url = `${plan.targets[iteration % plan.targets.length]}${path}`;
    const atMs = exec.instance.currentTestRunDuration;
    console.log(formatLine({ type: 'start', iteration, atMs, promptTokens, dueMs }));
    const response = http.request(method, url, body || null, { headers, timeout: plan.timeoutMs, responseType });
    const endMs = exec.instance.currentTestRunDuration;
    console.log(formatLine({ type: 'end', iteration, atMs: endMs, ...answerOf(response, endMs) }));
    return endMs;
  } catch (error) {
    // Otherwise k6 logs it, counts the iteration as done and goes on.
    exec.test.abort(String(error));
    throw error;
  }
}

/** Says disarm while what k6 used can still be read. */
export function teardown(): void {
  if (control) http.post(`${control}/end`);
}

function answerOf(response: Response, endMs: number): Answer {
  const { status, error, timings } = response;
  const isRight = expect ? status > 0 && isExpectedStatus(expect, status) : status >= 200 && status < 300;
  const unread = { body: '', outputTokens: 0, firstByteMs: null } as const;
  return {
    status,
    errorCode: response.error_code,
    error,
    isSent: timings.sending > 0 || timings.waiting > 0,
    upstream: response.headers['X-Squall-Upstream'] ?? '',
    ...(isRight ? readingOf(response, endMs) : unread),
  };
}

/** What the body says of an answer with the right status. */
function readingOf(response: Response, endMs: number): Pick<Answer, 'body' | 'outputTokens' | 'firstByteMs'> {
  const body = (response.body ?? '') as string | ArrayBuffer;
  if (!expect) return { ...readWholeAnswer(response.headers['Content-Type'], body as string), firstByteMs: null };
  return {
    body: isRightBody(expect, body) ? 'ok' : 'malformed',
    outputTokens: 0,
    firstByteMs: endMs - response.timings.receiving,
  };
}
